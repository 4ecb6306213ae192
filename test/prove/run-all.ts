import type { Outcome } from './report';
import type { Scenario, Surroundings } from './scenario';

/** All of the machine, in the weight of scenarios. */
const ROOM = 4;

/** Runs scenarios in their order, side by side where their weights allow it. */
export async function runAll(
  scenarios: readonly Scenario[],
  surroundingsOf: (scenario: Scenario) => Surroundings & { readonly clear: () => Promise<void> },
  onEnd: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const outcomes = new Map<string, Outcome>();
  const running = new Set<Promise<void>>();
  let taken = 0;
  for (const scenario of scenarios) {
    while (taken + scenario.weight > ROOM) await Promise.race(running);
    taken += scenario.weight;
    const run = runOne(scenario, surroundingsOf(scenario)).then((outcome) => {
      outcomes.set(scenario.name, outcome);
      taken -= scenario.weight;
      running.delete(run);
      onEnd(outcome);
    });
    running.add(run);
  }
  await Promise.all(running);
  return scenarios.map(({ name }) => outcomes.get(name)).filter((outcome) => outcome !== undefined);
}

async function runOne(
  scenario: Scenario,
  surroundings: Surroundings & { readonly clear: () => Promise<void> },
): Promise<Outcome> {
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1000;
  try {
    const row = await scenario.run(surroundings);
    return { name: scenario.name, seconds: seconds(), row };
  } catch (error) {
    return { name: scenario.name, seconds: seconds(), error: error as Error };
  } finally {
    await surroundings.clear();
  }
}
