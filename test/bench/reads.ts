import autocannon from 'autocannon';
import type { LoadResult } from './load';

const CONNECTIONS = 32;
const WARM_SECONDS = 1;
const SECONDS = 4;

/** Reads as many clients of a service would send them, each over a connection of its own. */
export async function measureReads(
  base: string,
  requests: readonly { readonly path: string; readonly headers?: Readonly<Record<string, string>> }[],
): Promise<LoadResult> {
  const options = {
    url: base,
    connections: CONNECTIONS,
    requests: requests.map(({ path, headers }) => ({ path, headers: { ...headers } })),
  };
  await autocannon({ ...options, duration: WARM_SECONDS });
  const result = await autocannon({ ...options, duration: SECONDS });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} reads were refused and ${result.errors} failed`);
  return {
    perSecond: result.requests.total / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    maxMs: result.latency.max,
  };
}
