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

const FATES: readonly Fate[] = ['open', 'used', 'refused', 'expired', 'cancelled', 'parked', 'deferred', 'completed'];
const AT_ONCE = 8;

/** A connect as far as the provider has sent the browser back; the callback is not opened yet. */
export interface AtCallback {
  readonly caller: Caller;
  readonly person: Person;
  readonly account: Account;
  /** The callback's address with all that the provider put there. */
  readonly url: URL;
}

/** A deferred connect whose browser is back at its product: the backend has flow and handle, and has not used them. */
export interface AtBackend {
  readonly caller: Caller;
  readonly person: Person;
  readonly account: Account;
  readonly flow: string;
  readonly handle: string;
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

  /** Somebody's deferred flow, come as far as to the backend that completes it. */
  async atBackend(provider: OAuthId): Promise<AtBackend> {
    return this.handedOver(await this.atCallback(provider, 'deferred'));
  }

  private async handedOver({ caller, person, account, url }: AtCallback): Promise<AtBackend> {
    const onward = new URL((await person.get(url.href)).headers.get('location') ?? '', SITE_URL);
    const [flow, handle] = [onward.searchParams.get('flow'), onward.searchParams.get('handle')];
    if (flow === null || handle === null) throw new Error(`the code of ${account.provider} was not kept for a backend`);
    return { caller, person, account, flow, handle };
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
    const completion = fate === 'deferred' || fate === 'completed' ? 'deferred' : 'browser';
    const atCallback = await this.atCallback(provider, completion);
    const { caller, person, url } = atCallback;
    const cookies = person.cookieHeader(PUBLIC_URL); // some are taken back, and a forger keeps them
    return {
      ...(await this.meet(fate, provider, atCallback)),
      id: await this.flowOf(caller),
      org: caller.claims.org,
      provider,
      fate,
      query: url.search.slice(1),
      cookies,
    };
  }

  private async flowOf({ claims }: Caller): Promise<string> {
    const [flow] = await this.hub.database.rows<{ id: string }>(`select id from public.flows where org_id = $1`, [
      claims.org,
    ]);
    if (!flow) throw new Error('the flow is not there');
    return flow.id;
  }

  /** @returns the secret of the page that it leads to, if it leads to one, and its handle, if it has one */
  private async meet(
    fate: Fate,
    provider: OAuthId,
    atCallback: AtCallback,
  ): Promise<Pick<KnownFlow, 'page' | 'handle'>> {
    const { caller, person, url } = atCallback;
    switch (fate) {
      case 'open':
      case 'awaiting input':
        return {};
      case 'used': {
        const { sentTo } = await person.opens(url.href);
        if (!sentTo?.includes('success=')) throw new Error(`${provider} was not connected: ${sentTo ?? 'nowhere'}`);
        return {};
      }
      case 'refused':
        await person.get(`${url.origin}${url.pathname}?error=access_denied&state=${url.searchParams.get('state')}`);
        return {};
      case 'expired':
        await this.hub.database.rows(
          `update public.flows set expires_at = now() - interval '1 second' where org_id = $1`,
          [caller.claims.org],
        );
        return {};
      case 'cancelled':
        await caller.disconnect(provider);
        return {};
      case 'deferred': {
        const { handle } = await this.handedOver(atCallback);
        return { handle };
      }
      case 'completed': {
        const { flow, handle } = await this.handedOver(atCallback);
        const { status } = await caller.complete({ flow, handle });
        if (status !== 200) throw new Error(`${provider} was not completed: ${status}`);
        return { handle };
      }
      case 'parked': {
        const stranger = await this.somebody().person.get(url.href);
        const page = /\/integrations-confirm\/([\w-]+)$/.exec(stranger.headers.get('location') ?? '')?.[1];
        if (page === undefined) throw new Error(`the code of ${provider} was not parked: ${stranger.status}`);
        return { page };
      }
    }
  }

  private async waiting(provider: string): Promise<KnownFlow> {
    const { caller, person } = this.somebody();
    const address = await person.starts(caller, { provider });
    const page = address.split('/').at(-1) ?? '';
    const known = { id: await this.flowOf(caller), org: caller.claims.org, provider, page };
    return { ...known, fate: 'awaiting input', query: '', cookies: person.cookieHeader(PUBLIC_URL) };
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
  act: (one: In, at: number) => Promise<Out>,
  atOnce = AT_ONCE,
): Promise<Out[]> {
  const results = new Array<Out>(each.length);
  const left = each.entries();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const [at, one] of left) results[at] = await act(one, at);
    }),
  );
  return results;
}
