import { useSignOut, type Session } from './session';

/** Whose page this is: whoever opened somebody else's link must see it. */
export function Who({ session }: { readonly session: Session }) {
  const signOut = useSignOut();
  return (
    <div className="who">
      <dl>
        <div>
          <dt>Signed in as</dt>
          <dd>{session.userLabel ?? session.sub}</dd>
        </div>
        <div>
          <dt>Organisation</dt>
          <dd>
            <code>{session.orgId}</code>
          </dd>
        </div>
      </dl>
      <button type="button" aria-disabled={signOut.isPending} onClick={() => signOut.isPending || signOut.mutate()}>
        Sign out
      </button>
    </div>
  );
}
