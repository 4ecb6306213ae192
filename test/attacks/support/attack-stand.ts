import { createHmac, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { SYSTEM_ORG } from '@hub/domain';
import { ANYONES, type Account } from '../../support/accounts';
import type { Caller } from '../../support/caller';
import { eventually } from '../../support/eventually';
import type { Choices, Person } from '../../support/person';
import type { Stack } from '../../support/stack';
import { changedTables } from '../../support/table-checksums';

/** Every provider that is connected by a callback. */
export const OAUTH = ['shopify', 'notion', 'google_drive'] as const;
export type OAuthName = (typeof OAUTH)[number];

/** A connect as far as the provider has sent the browser back; the callback is not opened yet. */
export interface AtCallback {
  readonly caller: Caller;
  /** Who started it, in the browser that has the flow's cookie. */
  readonly person: Person;
  readonly account: Account;
  readonly authUrl: string;
  /** The callback's address with all that the provider put there. */
  readonly url: string;
}

/** What is asked of every attack: which answer it gets, that no row has changed, and that the trail tells of it. */
export class AttackStand {
  constructor(private readonly hub: Stack) {}

  /** Starts a connect and consents at the provider. @param order put over the usual body of the connect */
  async atCallback(
    provider: OAuthName,
    order: Readonly<Record<string, unknown>> = {},
    choices: Choices = {},
  ): Promise<AtCallback> {
    const caller = this.hub.as();
    const person = this.hub.person();
    const account = ANYONES[provider]();
    const authUrl = await person.starts(caller, { ...account.order, ...order });
    return {
      caller,
      person,
      account,
      authUrl,
      url: await person.consents(authUrl, { ...account.choices, ...choices }),
    };
  }

  /** Does something and names the tables in which any row has changed by it: not the trail, nor the keys that a first event gives it. */
  async changedBy(act: () => Promise<unknown>): Promise<string[]> {
    const before = await this.hub.database.checksums();
    await act();
    return changedTables(before, await this.hub.database.checksums());
  }

  /**
   * An answer as a prober could tell it from others: all of it but what differs each time by its nature.
   *
   * @param others headers that may differ as well
   */
  async told(answer: Response, ...others: readonly string[]): Promise<string> {
    const headers = [...answer.headers].filter(([name]) => !['date', 'x-request-id', ...others].includes(name)).sort();
    return JSON.stringify([answer.status, headers, await answer.text()]);
  }

  /** How an answer to a state that nobody knows is told: the one page that every bad state must get. */
  async pageOfBadState(): Promise<string> {
    const before = await this.lastSystemSeq();
    const unknown = `${this.callback('notion')}?code=x&state=${randomBytes(32).toString('base64url')}`;
    const page = await this.told(await this.hub.person().get(unknown));
    await this.systemEvent('flow.state_unknown', before); // so that nobody takes it for the event of what comes next
    return page;
  }

  /** Asks for something once. @returns the answer, how it is told, and the tables in which any row has changed by it */
  async asked(act: () => Promise<Response>): Promise<Asked> {
    let answer: Response | undefined;
    const changed = await this.changedBy(async () => (answer = await act()));
    if (!answer) throw new Error('nothing was asked');
    return { answer, changed, told: await this.told(answer) };
  }

  /** A callback with other parameters, signed anew where its provider signs: what the provider itself would have sent. */
  async signed(provider: OAuthName, url: string): Promise<string> {
    if (provider !== 'shopify') return url;
    const bare = new URL(url);
    bare.searchParams.delete('hmac');
    bare.searchParams.sort();
    const message = bare.searchParams.toString().replaceAll('+', '%20');
    const secret = (await this.hub.sandbox.credentials())['SHOPIFY_CLIENT_SECRET'] ?? '';
    bare.searchParams.set('hmac', createHmac('sha256', secret).update(message).digest('hex'));
    return bare.href;
  }

  /** How many codes of an account its provider was asked to redeem, well or in vain. */
  async exchanges({ provider, name: account }: Account): Promise<number> {
    return (await this.hub.sandbox.log({ provider, account, kind: 'exchange' })).length;
  }

  /** Sends a request past `fetch`, which lets nobody choose the Host. @returns status, headers and body */
  async raw(method: string, path: string, headers: Readonly<Record<string, string>>, body = ''): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const sent = request(this.hub.base + path, { method, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      });
      sent.once('error', reject).end(body);
    });
  }

  /** The callback's address, as providers know it. */
  callback(provider: string): string {
    return `${this.hub.publicUrl}/functions/v1/integrations-callback/${provider}`;
  }

  /** The last number of the system's own trail, which holds what belongs to no org. */
  async lastSystemSeq(): Promise<number> {
    const [row] = await this.hub.database.rows<{ seq: number }>(
      'select coalesce(max(seq), 0)::int as seq from public.audit_events where org_id = $1',
      [SYSTEM_ORG],
    );
    return row?.seq ?? 0;
  }

  /** Waits until the system's own trail tells of something. @param after only what comes after this number */
  async systemEvent(name: string, after: number): Promise<SystemEvent> {
    return eventually(`the system's event ${name}`, async () => {
      const [event] = await this.hub.database.rows<SystemEvent>(
        `select seq::int as seq, name, provider, actor_type as "actorType", actor_id as "actorId", detail
           from public.audit_events where org_id = $1 and name = $2 and seq > $3 order by seq desc limit 1`,
        [SYSTEM_ORG, name, after],
      );
      return event;
    });
  }
}

/** What came of one request. */
export interface Asked {
  /** Its body is read already. */
  readonly answer: Response;
  readonly told: string;
  readonly changed: string[];
}

/** An answer as `node:http` has it. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A line of the system's own trail. */
export interface SystemEvent {
  readonly seq: number;
  readonly name: string;
  readonly provider: string | null;
  readonly actorType: string;
  readonly actorId: string;
  readonly detail: Readonly<Record<string, unknown>>;
}
