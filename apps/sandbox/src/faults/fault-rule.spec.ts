import { chooseFaults, type FaultableCall, faultRule, faultRuleShape, seeded } from './fault-rule';

const REFRESH: FaultableCall = { endpoint: 'refresh', account: 'acme', path: '/notion/v1/oauth/token' };

function rules(...specs: object[]) {
  return specs.map((spec, index) => faultRule(`f${index}`, faultRuleShape.parse(spec)));
}

/** Ids of the rules that spoil each of so many equal calls; '-' for none. */
function spoilers(specs: object[], calls: number, call = REFRESH): string {
  const list = rules(...specs);
  return Array.from({ length: calls }, () => chooseFaults(list, call).spoiler?.id ?? '-').join(' ');
}

describe('fault rules', () => {
  it.each([
    ['forever by default', [{ kind: 'status' }], 3, 'f0 f0 f0'],
    ['a number of times', [{ kind: 'status', times: 2 }], 3, 'f0 f0 -'],
    ['at every nth call', [{ kind: 'status', everyNth: 3 }], 7, '- - f0 - - f0 -'],
    ['after some calls', [{ kind: 'status', after: 2, times: 1 }], 4, '- - f0 -'],
    [
      'one after the other',
      [
        { kind: 'html', times: 1 },
        { kind: 'status', times: 1 },
      ],
      3,
      'f0 f1 -',
    ],
    ['never with probability 0', [{ kind: 'status', probability: 0 }], 3, '- - -'],
    ['always with probability 1', [{ kind: 'status', probability: 1 }], 3, 'f0 f0 f0'],
  ])('fire %s', (_case, specs, calls, expected) => {
    expect(spoilers(specs, calls)).toBe(expected);
  });

  it.each([
    [{ on: 'token' }, true],
    [{ on: 'refresh' }, true],
    [{ on: 'any' }, true],
    [{ on: 'exchange' }, false],
    [{ on: 'api' }, false],
    [{ account: 'acme' }, true],
    [{ account: 'other' }, false],
    [{ path: '/oauth/' }, true],
    [{ path: '/users' }, false],
  ])('look at the call: %j on a refresh of acme: %s', (spec, expected) => {
    expect(spoilers([{ kind: 'status', ...spec }], 1) === 'f0').toBe(expected);
  });

  it('add up latencies, before and after the work, and still take one spoiler', () => {
    const list = rules(
      { kind: 'latency', ms: 10 },
      { kind: 'latency', ms: 5, afterWork: true },
      { kind: 'lost_response' },
      { kind: 'latency', ms: 20 },
    );
    expect(chooseFaults(list, REFRESH)).toMatchObject({ delayBeforeMs: 30, delayAfterMs: 5, spoiler: { id: 'f2' } });
  });

  it('repeat the same choices for the same seed', () => {
    const specs = [{ kind: 'status', probability: 0.3, seed: 7 }];
    expect(spoilers(specs, 200)).toBe(spoilers(specs, 200));
    const fired = spoilers(specs, 1000).match(/f0/g)!.length;
    expect(fired).toBeGreaterThan(230);
    expect(fired).toBeLessThan(370);
    expect(seeded(1)()).not.toBe(seeded(2)());
  });

  it('refuse unknown words', () => {
    expect(() => rules({ kind: 'explode' })).toThrow();
    expect(() => rules({ kind: 'status', often: 3 })).toThrow();
  });
});
