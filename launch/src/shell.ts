/** Words for commands that are printed, so that a person can paste them into a shell. */

/** The word as a shell reads it back: as it is where that is safe, else in single quotes. */
export function quote(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** `A=1 B='2 3' ` or nothing: variables in front of a command. */
export function assign(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => `${name}=${quote(value)} `)
    .join('')
}
