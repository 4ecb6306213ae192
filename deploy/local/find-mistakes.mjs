// Prints its arguments, which are mistakes already known, and those that the apps would find in the settings of this
// environment, as the apps print theirs; nothing where there are none. A program of its own, so that nothing of dist/ is
// loaded into one that lives longer than a build.
import config from '../../dist/libs/config/src/index.js';
import providers from '../../dist/libs/providers/src/index.js';

/** @returns {readonly string[]} none of them holds a secret */
function mistakes() {
  try {
    config.readConfig(process.env, { providers: providers.configurableProviders, callers: true });
    return [];
  } catch (error) {
    if (error instanceof config.ConfigError) return error.mistakes;
    throw error;
  }
}

const all = [...process.argv.slice(2), ...mistakes()];
if (all.length > 0) console.log(new config.ConfigError(all).message);
