import { clockTime, howFar } from './times';
import { useNow } from './use-now';

/** A moment: how far away it is, and when by the clock. */
export function Moment({ at }: { readonly at: string }) {
  const now = useNow();
  return (
    <time dateTime={at}>
      {howFar(at, now)} <span className="soft">· {clockTime(at, now)}</span>
    </time>
  );
}
