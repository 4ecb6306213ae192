/** How a step ended, by its name: what the proof holds against what must have been reached. */
export type Reached = Map<string, string>;
