import { clockTime } from '../look/times';
import { useNow } from '../look/use-now';
import type { LivePhase } from './live-feed';

/** Says quietly how fresh the page is. */
export function ConnectionHint(props: {
  readonly phase: LivePhase;
  /** Whether the last question was not answered, or there is no network. */
  readonly isOffline: boolean;
  /** When the list was last heard of, in milliseconds; 0: never. */
  readonly heardAtMs: number;
}) {
  const { phase, isOffline, heardAtMs } = props;
  const now = useNow();
  const heard = heardAtMs === 0 ? '' : ` Shown as of ${clockTime(new Date(heardAtMs).toISOString(), now)}.`;
  const [tone, words] = isOffline
    ? (['warn', `Offline: the hub cannot be reached.${heard} Trying again.`] as const)
    : phase === 'live'
      ? (['good', 'Live'] as const)
      : (['idle', phase === 'connecting' ? 'Connecting…' : 'Live updates are away: looking every 15 seconds'] as const);
  return (
    <p className={`hint ${tone}`} role="status">
      <span className="dot" aria-hidden="true" />
      {words}
    </p>
  );
}
