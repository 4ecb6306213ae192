/**
 * For tests, which must know whether they can run before they begin: prints where a program is, or why there is none, as
 * one line of JSON.
 * @param {Promise<(import('./debian-packages.mjs').UnpackedProgram & { fonts?: string }) | undefined>} finding
 * @param {string} otherwise why there is none, where it was merely not found
 */
export async function tellFound(finding, otherwise) {
  const answer = await finding.then(
    (program) =>
      program
        ? {
            command: program.command,
            version: program.version,
            libraries: program.env.LD_LIBRARY_PATH ?? '',
            fonts: program.fonts, // left out where it has none of its own
          }
        : { reason: otherwise },
    (error) => ({ reason: error.message }),
  );
  console.log(JSON.stringify(answer));
}
