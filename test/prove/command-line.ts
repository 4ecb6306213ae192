import { parseArgs } from 'node:util';

/** What a person asks of a run. */
export interface Wish {
  readonly isLong: boolean;
  /** Names or beginnings of names; empty: all. */
  readonly only: readonly string[];
  readonly seed: number;
  readonly listOnly: boolean;
}

const SEEDS = 2 ** 31;

/** @throws TypeError that names what cannot be read */
export function readCommandLine(args: readonly string[], chance: number): Wish {
  const { values } = parseArgs({
    args: [...args],
    options: {
      long: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  });
  if (values.seed !== undefined && !/^\d{1,10}$/.test(values.seed))
    throw new TypeError('--seed must be a whole number');
  return {
    isLong: values.long,
    only: values.only.flatMap((names) => names.split(',')),
    seed: values.seed === undefined ? Math.floor(chance * SEEDS) : Number(values.seed),
    listOnly: values.list,
  };
}

/** The scenarios that a wish names, in their own order. @throws TypeError if a name fits none */
export function chosen<Named extends { readonly name: string }>(
  all: readonly Named[],
  only: readonly string[],
): Named[] {
  if (only.length === 0) return [...all];
  for (const name of only)
    if (!all.some((scenario) => scenario.name.startsWith(name)))
      throw new TypeError(`no scenario is called ${name}: --list tells their names`);
  return all.filter((scenario) => only.some((name) => scenario.name.startsWith(name)));
}
