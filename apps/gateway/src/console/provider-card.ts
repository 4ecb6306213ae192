import type { ProviderDefinition } from '@hub/providers';
import { z } from 'zod';

/** What people see of a provider, and what they are asked: from its definition, so that a new one needs no work on any page. */
export const providerCardSchema = z
  .strictObject({
    provider: z.string(),
    label: z.string(),
    docsUrl: z.string().describe("the provider's own page about connecting"),
    mark: z
      .strictObject({
        path: z.string().describe('an SVG path in a field of 24 by 24'),
        colour: z.string().describe('what it stands on; the path itself is white'),
      })
      .nullable(),
    inputs: z
      .array(z.strictObject({ name: z.string(), label: z.string(), help: z.string(), example: z.string() }))
      .describe('what POST integrations-connect takes; asked on a page of the hub where it is left out'),
    hasToken: z.boolean().describe('false: its credential is a URL, so there is nothing that expires'),
    takesEvents: z.boolean().describe('whether events can be delivered to it'),
    givenBackBy: z
      .enum(['token', 'grant', 'uninstall', 'none'])
      .describe('what a disconnect ends at the provider; uninstall: only with ?uninstall=true'),
  })
  .meta({ id: 'ProviderCard' });

export type ProviderCard = z.infer<typeof providerCardSchema>;

/** @param definition of the catalog */
export function providerCard(definition: ProviderDefinition): ProviderCard {
  const { id, label, docsUrl, mark, inputs } = definition;
  const speaksOAuth = definition.authMode === 'oauth2';
  return {
    provider: id,
    label,
    docsUrl,
    mark: mark ?? null,
    inputs: inputs.map(({ name, label, help, example }) => ({ name, label, help, example })),
    hasToken: speaksOAuth,
    takesEvents: !speaksOAuth,
    givenBackBy: speaksOAuth ? definition.revoke.manner : 'none',
  };
}
