/** An option that a person has to mend; the message is a whole sentence, and a stack trace would only hide it. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}
