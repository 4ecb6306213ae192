import { MISPLACED } from './canaries';
import { OAUTH, type CanaryHub, type OAuthId } from './canary-hub';
import type { Reached } from './reached';

/** Of each provider's API, and nothing that answers by repeating: what a provider says to the caller is the caller's. */
const PATHS: Readonly<Record<OAuthId, readonly [method: string, path: string]>> = {
  notion: ['POST', '/v1/search'],
  google_drive: ['GET', '/drive/v3/files'],
  shopify: ['POST', '/admin/api/2026-01/graphql.json'],
};

/** Calls through the proxy: passed on with secrets of the caller's own in query, header and body, mended, and refused. */
export async function proxyDays(hub: CanaryHub, reached: Reached): Promise<void> {
  const secret = (): string => hub.canaries.make(MISPLACED);
  for (const id of OAUTH) {
    const { caller, account } = await hub.connected(id);
    const [method, path] = PATHS[id];
    const call = (rest: string) =>
      caller.request(method, `/functions/v1/integrations/${id}/proxy${rest}?q=${secret()}`, {
        ...(method === 'POST' && { raw: JSON.stringify({ query: secret() }) }),
        headers: { 'content-type': 'application/json', 'x-own': secret(), cookie: `hub_session=${secret()}` },
      });
    const passed = await call(path);
    await hub.hub.sandbox.expire(id, account.name);
    const mended = await call(path);
    const refused = await call(`/%2e%2e/${secret()}`);
    const answers = [passed, mended, refused].map(({ headers }) => headers.get('hub-answer') ?? 'hub');
    reached.set(`${id} proxy: passed on, mended, refused`, answers.join(', '));
  }
}
