/**
 * Why a program of this package cannot go on, as one sentence for the person at the terminal: it
 * names the option at fault and the way out. It is printed without a stack and the exit code is 1.
 * Everything else thrown is a bug.
 */
export class Refusal extends Error {
  constructor(sentence: string, options?: ErrorOptions) {
    super(sentence, options)
    this.name = 'Refusal'
  }
}
