/** What was said about the matches, and what can be done with it: a refined search, a class. */

import { useSignal } from '@preact/signals';
import { Icon } from '../page/icons';
import { assign, toLabel } from '../labels/labels';
import { ClassField } from '../labels/ClassField';
import { keepPlace } from '../state/history';
import { like, refinable, search, unlike } from './search';

export function refine(): void {
  if (!refinable.value) return;
  keepPlace();
  void search();
}

export function FeedbackBar() {
  const name = useSignal('');
  if (like.value.length + unlike.value.length === 0) return null;
  const meant = toLabel(like.value);
  const label = (event: Event): void => {
    event.preventDefault();
    void assign(meant, name.value);
  };
  return (
    <div class="feedback" role="group" aria-label="Your yes and no">
      <div class="row">
        <span><b>{like.value.length}</b> yes, <b>{unlike.value.length}</b> no</span>
        <button type="button" class={refinable.value ? 'main' : ''} disabled={!refinable.value} onClick={refine} title="Search again with your yes and no (R)">
          <Icon name="refine" /> Refine
        </button>
      </div>
      {like.value.length > 0 && (
        <form class="row" onSubmit={label}>
          <ClassField id="class" value={name.value} change={(value) => (name.value = value)} />
          <button type="submit" disabled={name.value.trim() === ''} title="Put the accepted tiles into the labelled set; those that have a label keep it, unless all have one">
            <Icon name="tag" /> Label {meant.length}
          </button>
        </form>
      )}
    </div>
  );
}
