import { SITE_URL, type Stack } from '../../support/stack';
import type { AttackStand, AtCallback } from './attack-stand';

/** What attacks come to: the one page of bad states, or the way back with a code. Each tells of rows and trail as well. */
export class Verdicts {
  constructor(
    private readonly hub: Stack,
    private readonly stand: AttackStand,
  ) {}

  /**
   * The attack gets the one page of bad states and is told in the org's trail. Its flow is over, nothing else has changed,
   * and no code of the account went to its provider.
   */
  async endsInBadState(started: AtCallback, act: () => Promise<Response>, event: string): Promise<void> {
    const { told, changed } = await this.stand.asked(act);
    const badState = await this.stand.pageOfBadState();
    expect(told).toBe(badState);
    expect(changed).toEqual(['flows']);
    expect(await this.stand.told(await started.person.get(started.url))).toBe(badState);
    await this.nothingConnected(started);
    await this.hub.event(started.caller, event, { provider: started.account.provider });
  }

  /**
   * The browser is sent back to the flow's own place with this code, and the trail tells why.
   *
   * @param changed the tables in which rows may have changed: the flow has ended, and a grant that is not kept goes back
   */
  async isSentBack(
    started: AtCallback,
    act: () => Promise<Response>,
    { code, event, detail = {}, changed = ['flows'] }: SentBack,
  ): Promise<void> {
    const { provider } = started.account;
    const asked = await this.stand.asked(act);
    expect([asked.answer.status, asked.answer.headers.get('location')]).toEqual([
      302,
      `${SITE_URL}/integrations?error=${code}&provider=${provider}`,
    ]);
    expect(asked.answer.headers.get('cache-control')).toBe('no-store');
    expect(asked.changed).toEqual(changed);
    expect((await started.caller.read(provider)).body.status).toBe('not_connected');
    expect((await this.hub.event(started.caller, event, { provider })).detail).toMatchObject(detail);
  }

  /** Nothing is stored for the org, and its provider was not asked for anything. */
  async nothingConnected({ caller, account }: Pick<AtCallback, 'caller' | 'account'>): Promise<void> {
    expect(await this.stand.exchanges(account)).toBe(0);
    expect((await caller.read(account.provider)).body.status).toBe('not_connected');
  }
}

/** How an attack is sent back. */
export interface SentBack {
  readonly code: string;
  readonly event: string;
  /** What the event's detail holds at least. */
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly changed?: readonly string[];
}
