import { useSessionEnd } from './session';
import { endWords } from './session-end';

/** What a stranger sees: nothing of any organisation. Whoever was signed in on this page reads why that is over. */
export function SignedOut() {
  const end = useSessionEnd();
  return (
    <section className="blank" aria-labelledby="signed-out">
      <h2 id="signed-out">You are not signed in</h2>
      {end && (
        <p role="status">
          <strong>{endWords(end)}</strong>
        </p>
      )}
      <p>Open this page from your product: its link signs you in, once, for your organisation.</p>
      <p className="soft">
        A link that was used before, or is too old, does not work again: your product makes another one.
      </p>
    </section>
  );
}
