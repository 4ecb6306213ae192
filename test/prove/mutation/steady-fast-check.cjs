const fastCheck = require('../../../node_modules/fast-check');

// The same draws in every run, so that every run has the same score; fewer than in `npm test`, which may only lower it.
fastCheck.configureGlobal({ seed: 20_260_901, numRuns: 10, endOnFailure: true });
module.exports = fastCheck;
