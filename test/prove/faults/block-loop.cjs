// Loaded before an app: SIGUSR2 makes its event loop stand still for PROVE_BLOCK_MS, as a long computation or a suspended
// machine would.
const forMs = Number(process.env.PROVE_BLOCK_MS ?? '0');
process.on('SIGUSR2', () => {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(cell, 0, 0, forMs);
});
