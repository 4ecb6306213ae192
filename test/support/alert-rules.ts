import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

/** Where the rules and their tests lie, from the root. */
export const ALERTS_FOLDER = 'deploy/alerts';
export const RULE_FILES = ['hub.rules.yaml', 'slo.rules.yaml'] as const;

/** A rule as it stands in a rules file of Prometheus. */
export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A rules file of Prometheus. */
export interface RulesFile {
  readonly groups: readonly { readonly name: string; readonly interval?: string; readonly rules: readonly Rule[] }[];
}

/** One test file of promtool, as far as it is looked at. */
export interface RuleTests {
  readonly rule_files: readonly string[];
  readonly tests: readonly { readonly name: string; readonly input_series: readonly { readonly series: string }[] }[];
}

/** @param name one of RULE_FILES */
export function readRules(name: string): RulesFile {
  return parse(readFileSync(path.join(ALERTS_FOLDER, name), 'utf8')) as RulesFile;
}

/** All rules of both files. */
export const allRules = (): readonly Rule[] =>
  RULE_FILES.flatMap((name) => readRules(name).groups.flatMap(({ rules }) => rules));

/** The test files, by name. One is named for its alert, with a word behind a dot where an alert has several. */
export const testFiles = (): readonly string[] => readdirSync(path.join(ALERTS_FOLDER, 'tests')).sort();

/** @param file one of `testFiles` */
export function readTests(file: string): RuleTests {
  return parse(readFileSync(path.join(ALERTS_FOLDER, 'tests', file), 'utf8')) as RuleTests;
}

/** The alert that a test file is for. */
export const alertOf = (file: string): string => file.split('.', 1)[0] ?? file;
