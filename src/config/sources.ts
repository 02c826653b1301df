/** Where the value of an option is from, in one word, the strongest first. */
export const SOURCES = ["option", "environment", "repository", "profile", "defaults", "built-in"] as const;

/** One of these words. */
export type Source = typeof SOURCES[number];
