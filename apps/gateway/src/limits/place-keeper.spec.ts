import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { PlaceKeeper } from './place-keeper';

const WORDS = { limit: 'proxy_calls', what: 'calls under way', askAgainSeconds: 3 } as const;

describe('who keeps the places', () => {
  const aCaller = () => ({ orgId: randomUUID() as OrgId, sub: 'billing' });
  let told: unknown[];

  beforeEach(() => {
    told = [];
    jest.useFakeTimers();
  });
  afterEach(() => jest.useRealTimers());

  function keeper(ofOrg: number | null, ofGateway: number | null): PlaceKeeper {
    return new PlaceKeeper({ ofOrg, ofGateway }, WORDS, { record: (denial) => void told.push(denial) });
  }

  it('refuses whose org has none left, says when to come again, and lets the next in once one is given back', () => {
    const [places, caller] = [keeper(1, null), aCaller()];
    const giveBack = places.take(caller, '10.0.0.1');
    expect(() => places.take(caller, '10.0.0.1')).toThrow(
      expect.objectContaining({
        code: 'rate_limited',
        retryAfterSeconds: 3,
        message: 'This org has too many calls under way.',
      }),
    );
    places.take(aCaller(), '10.0.0.2');
    giveBack();
    places.take(caller, '10.0.0.1');
  });

  it('tells the trail once a minute, whatever is given back in between', () => {
    const [places, caller] = [keeper(1, null), aCaller()];
    const refused = (): void => {
      const giveBack = places.take(caller, '10.0.0.1');
      for (let time = 0; time < 5; time += 1) expect(() => places.take(caller, '10.0.0.1')).toThrow();
      giveBack();
    };
    refused();
    refused();
    expect(told).toEqual([
      { name: 'limit.reached', ...caller, address: '10.0.0.1', detail: { limit: 'proxy_calls_org' } },
    ]);
    jest.advanceTimersByTime(60_000);
    refused();
    expect(told).toHaveLength(2);
  });

  it('tells the gateway’s own limit by its name', () => {
    const places = keeper(null, 1);
    places.take(aCaller(), '10.0.0.1');
    expect(() => places.take(aCaller(), '10.0.0.2')).toThrow('This gateway has too many calls under way.');
    expect(told).toEqual([expect.objectContaining({ detail: { limit: 'proxy_calls_gateway' } })]);
  });
});
