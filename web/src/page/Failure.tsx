/** What went wrong, in the server's words, and what to try. */

interface Props {
  title: string;
  failure: { message: string; hint: string | null };
  again?: () => void;
}

export function Failure({ title, failure, again }: Props) {
  return (
    <div class="failure" role="alert">
      <h3>{title}</h3>
      <p>{failure.message}</p>
      {failure.hint && <p class="hint">{failure.hint}</p>}
      {again && <button type="button" onClick={again}>Try again</button>}
    </div>
  );
}
