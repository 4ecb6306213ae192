import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import {
  ALERTS_FOLDER,
  alertOf,
  readRules,
  RULE_FILES,
  testFiles,
  type Rule,
  type RulesFile,
} from '../../support/alert-rules';
import { findPromtool, runPromtool, type Promtool } from '../../support/promtool';
import { mutantsOf } from './mutants';

/** promtool takes a processor for itself. */
const AT_A_TIME = 2;

/** What the tests made of the mutants. */
export interface AlertScore {
  readonly alerts: number;
  readonly mutants: number;
  /** Changes that no test of the alert noticed, a sentence for each. */
  readonly survivors: readonly string[];
}

interface Attempt {
  readonly alert: string;
  readonly what: string;
  readonly file: (typeof RULE_FILES)[number];
  readonly rules: RulesFile;
}

/**
 * Changes each alert in each way, and runs the alert's own tests against it.
 *
 * @param folder for changed rules and copies of the tests
 * @throws {Error} if a test fails without any change, or promtool fails for another reason than a test
 */
export async function runAlertMutants(folder: string, signal: AbortSignal): Promise<AlertScore> {
  const promtool = await findPromtool();
  const attempts = RULE_FILES.flatMap((file) => attemptsOn(file));
  const alerts = new Set(attempts.map(({ alert }) => alert));
  const unchanged = [...alerts].map((alert): Attempt => {
    const { file } = attempts.find((attempt) => attempt.alert === alert) as Attempt;
    return { alert, what: 'is as it was', file, rules: readRules(file) };
  });

  const noticed = await tryAll(unchanged, folder, promtool, signal);
  const broken = unchanged.filter((_attempt, index) => noticed[index]).map(({ alert }) => alert);
  if (broken.length > 0) throw new Error(`Tests of unchanged alerts fail: ${broken.join(', ')}.`);

  const found = await tryAll(attempts, folder, promtool, signal);
  const survivors = attempts.filter((_attempt, index) => !found[index]).map(({ alert, what }) => `${alert} ${what}`);
  return { alerts: alerts.size, mutants: attempts.length, survivors };
}

function attemptsOn(file: (typeof RULE_FILES)[number]): readonly Attempt[] {
  const rules = readRules(file);
  return rules.groups.flatMap((group) =>
    group.rules.flatMap((rule) =>
      rule.alert === undefined
        ? []
        : mutantsOf(rule).map((mutant) => ({
            alert: rule.alert as string,
            what: `${mutant.what} (${Object.values(rule.labels ?? {}).join(', ')})`,
            file,
            rules: replaced(rules, rule, mutant.rule),
          })),
    ),
  );
}

const replaced = ({ groups }: RulesFile, old: Rule, changed: Rule): RulesFile => ({
  groups: groups.map((group) => ({ ...group, rules: group.rules.map((rule) => (rule === old ? changed : rule)) })),
});

/** @returns of each attempt whether a test noticed it */
async function tryAll(
  attempts: readonly Attempt[],
  folder: string,
  promtool: Promtool,
  signal: AbortSignal,
): Promise<readonly boolean[]> {
  const noticed: boolean[] = [];
  let next = 0;
  const lane = async (name: string): Promise<void> => {
    const own = path.join(folder, name);
    mkdirSync(own, { recursive: true });
    cpSync(path.join(ALERTS_FOLDER, 'tests'), path.join(own, 'tests'), { recursive: true });
    for (let index = next++; index < attempts.length; index = next++) {
      const attempt = attempts[index] as Attempt;
      writeFileSync(path.join(own, attempt.file), stringify(attempt.rules));
      noticed[index] = await isNoticed(attempt, own, promtool, signal);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, (_, index) => lane(`lane-${index}`)));
  return noticed;
}

async function isNoticed(attempt: Attempt, folder: string, promtool: Promtool, signal: AbortSignal): Promise<boolean> {
  // the file that has the alert's very name comes first
  const own = testFiles().filter((file) => alertOf(file) === attempt.alert);
  const ordered = [...own].sort((one, other) => one.length - other.length);
  for (const file of ordered) {
    const { ok, output } = await runPromtool(promtool, ['test', 'rules', path.join(folder, 'tests', file)], signal);
    if (ok) continue;
    if (!/^ +exp:/m.test(output)) throw new Error(`promtool failed, not a test: ${attempt.what}\n${output}`);
    return true;
  }
  return false;
}
