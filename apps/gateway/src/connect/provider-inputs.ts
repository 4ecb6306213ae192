import { HubError } from '@hub/domain';
import type { InputDefinition, ProviderDefinition } from '@hub/providers';

/** Inputs as they came, by name; absent ones are asked for on the hub's own page. */
export type GivenInputs = Readonly<Partial<Record<InputDefinition['name'], string>>>;

/** What was given, in its one kept spelling, and what is still to be asked. */
export interface ReadInputs {
  readonly inputs: Readonly<Record<string, string>>;
  readonly missing: readonly InputDefinition[];
}

/**
 * @throws HubError with the input's own problem code if a value cannot be such a thing, `invalid_request` if the provider
 *         takes no such input
 */
export function readInputs(definition: ProviderDefinition, given: GivenInputs): ReadInputs {
  const known = new Set<string>(definition.inputs.map((input) => input.name));
  for (const name of Object.keys(given)) {
    if (!known.has(name))
      throw new HubError('invalid_request', `The body is not valid: ${definition.label} takes no ${name}.`);
  }
  const inputs: Record<string, string> = {};
  for (const input of definition.inputs) {
    const value = given[input.name];
    if (value !== undefined) inputs[input.name] = normalised(input, value);
  }
  return { inputs, missing: definition.inputs.filter((input) => given[input.name] === undefined) };
}

/** @throws HubError that says what a good value looks like, and never the value */
export function normalised(input: InputDefinition, value: string): string {
  const kept = input.normalise(value);
  if (kept === undefined)
    throw new HubError(input.problem, `${input.name} must be ${input.expected}.`, { status: 422 });
  return kept;
}
