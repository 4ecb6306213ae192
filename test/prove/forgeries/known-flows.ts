import { randomUUID } from 'node:crypto';
import { ANYONES, type Account } from '../../support/accounts';
import { Caller } from '../../support/caller';
import { Conformity, type OpenApiDocument } from '../../support/conformity';
import { Person } from '../../support/person';
import type { ProveHub } from '../fleet/prove-hub';
import type { Fate, KnownFlow } from './forge';

export const OAUTH = ['shopify', 'notion', 'google_drive'] as const;
export type OAuthId = (typeof OAUTH)[number];

/** Under this URL people know all gateways of a hub here; nobody listens there. */
export const PUBLIC_URL = 'http://hub.localhost:3000';
export const SITE_URL = 'https://app.example';

const FATES: readonly Fate[] = ['open', 'used', 'refused', 'expired', 'cancelled', 'parked', 'deferred'];
const AT_ONCE = 8;

/** A connect as far as the provider has sent the browser back; the callback is not opened yet. */
export interface AtCallback {
  readonly caller: Caller;
  readonly person: Person;
  readonly account: Account;
  /** The callback's address with all that the provider put there. */
  readonly url: URL;
}

/** Connects at a hub of the proof, as people make them. */
export class Connects {
  private turn = 0;

  private constructor(
    private readonly hub: ProveHub,
    private readonly conformity: Conformity,
  ) {}

  /** @param hub with its gateways started, all of them under {@link PUBLIC_URL} */
  static async at(hub: ProveHub): Promise<Connects> {
    const answer = await fetch(`${hub.gateways[0]?.base}/openapi.json`);
    return new Connects(hub, new Conformity((await answer.json()) as OpenApiDocument));
  }

  /** Somebody's flow, consented at the provider. */
  async atCallback(provider: OAuthId, completion: 'browser' | 'deferred' = 'browser'): Promise<AtCallback> {
    const { caller, person } = this.somebody();
    const account = ANYONES[provider]();
    const authUrl = await person.starts(caller, { ...account.order, completion });
    return { caller, person, account, url: new URL(await person.consents(authUrl, account.choices)) };
  }

  /** So many flows of every provider and every fate. Those that are open stay so for a day. */
  async flows(ofEach: number): Promise<KnownFlow[]> {
    const orders = OAUTH.flatMap((provider) => FATES.map((fate) => ({ provider, fate })));
    const known = await side(Array.from({ length: ofEach }, () => orders).flat(), ({ provider, fate }) =>
      this.flow(provider, fate),
    );
    const waiting = await side(
      Array.from({ length: ofEach }, (_, at) => (at % 2 === 0 ? 'shopify' : 'zapier')),
      (provider) => this.waiting(provider),
    );
    await this.hub.database.rows(
      `update public.flows set expires_at = now() + interval '1 day' where expires_at > now()`,
    );
    return [...known, ...waiting];
  }

  private async flow(provider: OAuthId, fate: Fate): Promise<KnownFlow> {
    const { caller, person, url } = await this.atCallback(provider, fate === 'deferred' ? fate : 'browser');
    const cookies = person.cookieHeader(PUBLIC_URL); // some are taken back, and a forger keeps them
    const page = await this.meet(fate, provider, { caller, person, url });
    return {
      provider,
      fate,
      query: url.search.slice(1),
      cookies,
      ...(page !== undefined && { page }),
    };
  }

  /** @returns the secret of the page that it leads to, if it leads to one */
  private async meet(
    fate: Fate,
    provider: OAuthId,
    { caller, person, url }: Pick<AtCallback, 'caller' | 'person' | 'url'>,
  ): Promise<string | undefined> {
    switch (fate) {
      case 'open':
      case 'awaiting input':
        return undefined;
      case 'used': {
        const { sentTo } = await person.opens(url.href);
        if (!sentTo?.includes('success=')) throw new Error(`${provider} was not connected: ${sentTo ?? 'nowhere'}`);
        return undefined;
      }
      case 'refused':
        await person.get(`${url.origin}${url.pathname}?error=access_denied&state=${url.searchParams.get('state')}`);
        return undefined;
      case 'expired':
        await this.hub.database.rows(
          `update public.flows set expires_at = now() - interval '1 second' where org_id = $1`,
          [caller.claims.org],
        );
        return undefined;
      case 'cancelled':
        await caller.disconnect(provider);
        return undefined;
      case 'deferred': {
        const onward = (await person.get(url.href)).headers.get('location') ?? '';
        if (!onward.includes('handle=')) throw new Error(`the code of ${provider} was not kept for a backend`);
        return undefined;
      }
      case 'parked': {
        const stranger = await this.somebody().person.get(url.href);
        const page = /\/integrations-confirm\/([\w-]+)$/.exec(stranger.headers.get('location') ?? '')?.[1];
        if (page === undefined) throw new Error(`the code of ${provider} was not parked: ${stranger.status}`);
        return page;
      }
    }
  }

  private async waiting(provider: string): Promise<KnownFlow> {
    const { caller, person } = this.somebody();
    const address = await person.starts(caller, { provider });
    const page = address.split('/').at(-1) ?? '';
    return { provider, fate: 'awaiting input', query: '', cookies: person.cookieHeader(PUBLIC_URL), page };
  }

  /** A caller of an org of its own and a person, at one gateway and then the next. */
  private somebody(): { caller: Caller; person: Person } {
    const { gateways, sandbox } = this.hub;
    const base = gateways[this.turn++ % gateways.length]?.base ?? '';
    return {
      caller: new Caller(base, { org: randomUUID() }, this.conformity),
      person: new Person({ publicUrl: PUBLIC_URL, base, sandboxBase: sandbox.base }),
    };
  }
}

/** Does something with each, a few at a time. @returns what came of them, in their order */
export async function side<In, Out>(
  each: readonly In[],
  act: (one: In) => Promise<Out>,
  atOnce = AT_ONCE,
): Promise<Out[]> {
  const results = new Array<Out>(each.length);
  const left = each.entries();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const [at, one] of left) results[at] = await act(one);
    }),
  );
  return results;
}
