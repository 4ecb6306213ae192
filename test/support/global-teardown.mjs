/** Stops what the global set-up started; Jest calls it once, after the last test. */
export default async function globalTeardown() {
  const servers = globalThis.hubTestServers;
  globalThis.hubTestServers = undefined;
  await servers?.stop();
}
