/** What a stranger sees: nothing of any organisation. */
export function SignedOut() {
  return (
    <section className="blank" aria-labelledby="signed-out">
      <h2 id="signed-out">You are not signed in</h2>
      <p>Open this page from your product: its link signs you in, once, for your organisation.</p>
      <p className="soft">
        A link that was used before, or is too old, does not work again. A service makes one by{' '}
        <code>POST /functions/v1/integrations-session</code> (<a href="/docs">described here</a>).
      </p>
    </section>
  );
}
