import { useId, useState } from 'react';
import { Dialog } from '../look/dialog';
import { ProblemNote } from '../look/problem-note';
import type { ProviderCard } from '../wire/wire';
import { disconnectWords } from './disconnect-words';

/** Says what a disconnect does, and asks once. */
export function DisconnectDialog(props: {
  readonly card: ProviderCard;
  readonly isPending: boolean;
  readonly error: unknown;
  readonly onDisconnect: (uninstall: boolean) => void;
  readonly onClose: () => void;
}) {
  const { card, isPending, error, onDisconnect, onClose } = props;
  const [uninstall, setUninstall] = useState(false);
  const id = useId();
  return (
    <Dialog title={`Disconnect ${card.label}?`} onClose={onClose}>
      {disconnectWords(card).map((words) => (
        <p key={words}>{words}</p>
      ))}
      {card.givenBackBy === 'uninstall' && (
        <div className="choice">
          <input
            id={id}
            type="checkbox"
            checked={uninstall}
            onChange={(event) => setUninstall(event.target.checked)}
            aria-describedby={`${id}-help`}
          />
          <div>
            <label htmlFor={id}>Also uninstall the app at {card.label}</label>
            <p id={`${id}-help`} className="soft">
              It is removed there for everybody who uses it, together with what it has set up.
            </p>
          </div>
        </div>
      )}
      {error !== null && <ProblemNote error={error} />}
      <div className="actions">
        <button
          type="button"
          className="danger filled"
          aria-disabled={isPending}
          onClick={() => isPending || onDisconnect(uninstall)}
        >
          {isPending ? 'Disconnecting…' : `Disconnect ${card.label}`}
        </button>
        <button type="button" onClick={onClose}>
          Keep it connected
        </button>
      </div>
    </Dialog>
  );
}
