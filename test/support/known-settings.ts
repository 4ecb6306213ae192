import { SETTINGS } from '@hub/config';
import { configurableProviders } from '@hub/providers';

/** Settings that all apps know. */
export const appSettings: readonly string[] = SETTINGS.map((setting) => setting.name);

/** Each provider's own, by convention. */
export const providerSettings: readonly string[] = configurableProviders.flatMap(({ credentialPrefix }) =>
  credentialPrefix === null ? [] : ['CLIENT_ID', 'CLIENT_SECRET', 'SCOPES'].map((end) => `${credentialPrefix}_${end}`),
);

/** Settings of OpenTelemetry's kit that the deployments set and no app looks at itself. */
export const OTEL_SETTINGS: readonly string[] = ['OTEL_TRACES_SAMPLER', 'OTEL_NODE_RESOURCE_DETECTORS'];

/** Whether a variable is a setting that an app reads, by itself or as the `_FILE` of a secret one. */
export function isKnownSetting(name: string): boolean {
  const known = [...appSettings, ...providerSettings, ...OTEL_SETTINGS];
  return known.includes(name) || (name.endsWith('_FILE') && known.includes(name.slice(0, -'_FILE'.length)));
}
