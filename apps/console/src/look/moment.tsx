import { clockTime, howFar, isPast } from './times';
import { useNow } from './use-now';

/** A moment: how far away it is, and when by the clock. @param isDue something waits for it, so that it is not past before that is done */
export function Moment({ at, isDue = false }: { readonly at: string; readonly isDue?: boolean }) {
  const now = useNow();
  return (
    <time dateTime={at}>
      {isDue && isPast(at, now) ? 'due now' : howFar(at, now)} <span className="soft">· {clockTime(at, now)}</span>
    </time>
  );
}
