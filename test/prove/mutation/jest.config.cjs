const { projects } = require('../../../jest.config.cjs');
const unit = projects.find(({ displayName }) => displayName === 'unit');

/** The unit tests of one lib (`globals.mutatedLib`), run hundreds of times: nothing is done twice that need not be. */
module.exports = {
  ...unit,
  testMatch: ['<rootDir>/test/prove/mutation/all-specs.cjs'],
  testEnvironment: require.resolve('./one-mutant.environment.cjs'),
  moduleNameMapper: { ...unit.moduleNameMapper, '^fast-check$': '<rootDir>/test/prove/mutation/steady-fast-check.cjs' },
};
