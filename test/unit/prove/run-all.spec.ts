import { runAll } from '../../prove/run-all';
import type { Row, Scenario, Surroundings } from '../../prove/scenario';

const ROW = { note: 'done' } as Row;

/** Scenarios that end when they are told to, and what runs now. */
function setUp(...order: readonly (readonly [name: string, weight: Scenario['weight']])[]) {
  const running = new Map<string, (fault?: Error) => void>();
  const scenarios = order.map(([name, weight]): Scenario => ({
    name,
    weight,
    proves: '',
    run: () =>
      new Promise<Row>((resolve, reject) => {
        running.set(name, (fault) => {
          running.delete(name);
          if (fault) reject(fault);
          else resolve(ROW);
        });
      }),
  }));
  const cleared: string[] = [];
  const surroundingsOf = ({ name }: Scenario) =>
    ({ clear: () => Promise.resolve(void cleared.push(name)) }) as unknown as Surroundings & {
      clear: () => Promise<void>;
    };
  const outcomes = runAll(scenarios, surroundingsOf, () => undefined);
  const end = async (name: string, fault?: Error): Promise<void> => {
    running.get(name)?.(fault);
    await new Promise(setImmediate);
  };
  return { outcomes, end, cleared, now: () => [...running.keys()] };
}

describe('scenarios', () => {
  it('run side by side as far as their weights allow', async () => {
    const { now, end } = setUp(['a', 2], ['b', 1], ['c', 1], ['d', 1]);
    expect(now()).toEqual(['a', 'b', 'c']);
    await end('b');
    expect(now()).toEqual(['a', 'c', 'd']);
  });

  it('let those behind them pass that find room, and start once they find it themselves', async () => {
    const { now, end } = setUp(['a', 2], ['b', 1], ['all', 4], ['c', 2], ['d', 1]);
    expect(now()).toEqual(['a', 'b', 'd']);
    await end('b');
    expect(now()).toEqual(['a', 'd']);
    await end('d');
    expect(now()).toEqual(['a', 'c']);
    await end('a');
    expect(now()).toEqual(['c']);
    await end('c');
    expect(now()).toEqual(['all']);
  });

  it('are told of in their own order, whatever came of them, and cleared up after', async () => {
    const { outcomes, end, cleared } = setUp(['a', 1], ['b', 1], ['c', 1]);
    const fault = new Error('no disk');
    await end('c');
    await end('b', fault);
    await end('a');
    expect(await outcomes).toEqual([
      { name: 'a', seconds: expect.any(Number), row: ROW },
      { name: 'b', seconds: expect.any(Number), error: fault },
      { name: 'c', seconds: expect.any(Number), row: ROW },
    ]);
    expect(cleared).toEqual(['c', 'b', 'a']);
  });
});
