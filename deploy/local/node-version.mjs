// Imported first by every command, for its effect: everything after it may use what a new enough Node offers.
// It has no imports of its own and no new syntax, so that even an old Node reaches the sentence below.

const [major, minor] = process.versions.node.split('.').map(Number);

// require() of ES modules without a flag came with 20.19 and 22.12; NestJS 12 is published as ES modules only.
const isNewEnough = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;

if (!isNewEnough) {
  console.error(
    `This project needs Node 20.19 or later in line 20, or Node 22.12 or newer (24 is best), and this is ${process.version}: install a newer Node and run the command again.`,
  );
  process.exit(1);
}
