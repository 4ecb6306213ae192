import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { Dialog } from '../look/dialog';
import { ProblemNote } from '../look/problem-note';
import { clockTime } from '../look/times';
import { useNow } from '../look/use-now';
import { change } from '../wire/hub-api.client';
import type { ProviderCard } from '../wire/wire';

interface Secret {
  readonly secret: string;
  readonly previousUntil: string | null;
}

/** Shows the secret that deliveries are signed with, on demand and for as long as it is wanted; makes another one. */
export function SigningSecret({ card }: { readonly card: ProviderCard }) {
  const now = useNow();
  const [isAsking, setAsking] = useState(false);
  const [isCopied, setCopied] = useState(false);
  const reading = useMutation({
    mutationFn: (rotate: boolean) =>
      change<Secret>('POST', `/integrations/${card.provider}/delivery-secret`, rotate ? { rotate } : {}),
    gcTime: 0, // it is kept nowhere once it is hidden
    onSuccess: () => {
      setAsking(false);
      setCopied(false);
    },
  });
  const shown = reading.data?.body;
  return (
    <div className="panel">
      <h3>Signing secret</h3>
      <p className="soft">
        Every delivery is signed by the rules of Standard Webhooks, so that the receiver can tell it from a forged one.
        Whoever has the secret can forge them.
      </p>
      {shown && (
        <>
          <p>
            <code className="secret">{shown.secret}</code>
          </p>
          {shown.previousUntil !== null && (
            <p className="soft">The secret before signs as well until {clockTime(shown.previousUntil, now)}.</p>
          )}
        </>
      )}
      {reading.isError && !isAsking && <ProblemNote error={reading.error} />}
      <div className="actions">
        {shown ? (
          <>
            <button
              type="button"
              onClick={() => void navigator.clipboard?.writeText(shown.secret).then(() => setCopied(true))}
            >
              {isCopied ? 'Copied' : 'Copy'}
              <span className="hidden"> the signing secret</span>
            </button>
            <button type="button" onClick={() => reading.reset()}>
              Hide
            </button>
          </>
        ) : (
          <button type="button" onClick={() => reading.isPending || reading.mutate(false)}>
            Show the secret
          </button>
        )}
        <button type="button" className="danger" onClick={() => setAsking(true)}>
          Make a new one
        </button>
      </div>
      {isAsking && (
        <Dialog title="Make a new signing secret?" onClose={() => setAsking(false)}>
          <p>Deliveries carry the signatures of both secrets for a day. Give the new one to the receiver by then.</p>
          {reading.isError && <ProblemNote error={reading.error} />}
          <div className="actions">
            <button type="button" className="primary" onClick={() => reading.isPending || reading.mutate(true)}>
              Make a new one
            </button>
            <button type="button" onClick={() => setAsking(false)}>
              Cancel
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
