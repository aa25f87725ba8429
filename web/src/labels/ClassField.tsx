/** A class to type, with those that exist as proposals. */

import { classes } from './labels';

interface Props {
  id: string;
  value: string;
  change: (value: string) => void;
}

export function ClassField({ id, value, change }: Props) {
  return (
    <label class="class-field">
      <span class="hidden">Class</span>
      <input
        id={id} list={`${id}-known`} value={value} placeholder="class" autocomplete="off" maxLength={64}
        onInput={(event) => change(event.currentTarget.value)}
      />
      <datalist id={`${id}-known`}>
        {classes.value.map((name) => <option key={name} value={name} />)}
      </datalist>
    </label>
  );
}
