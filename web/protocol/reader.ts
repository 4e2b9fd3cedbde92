// Reads typed values out of a header and throws a ProtocolError that names the place otherwise.
import { type JsonObject, type JsonValue, ProtocolError, utf8Length } from './frame';
import { MAX_LIST, MAX_MESSAGE_BYTES, MAX_TEXT_BYTES } from './limits';

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export class Reader {
  /** Put before the key in messages. */
  path = '';

  constructor(private readonly source: JsonObject) {}

  private fail(key: string, what: string): never {
    throw new ProtocolError('bad_message', `${this.path === '' ? '' : `${this.path}.`}${key}: ${what}`);
  }

  private value(key: string): JsonValue | undefined {
    return Object.hasOwn(this.source, key) ? this.source[key] : undefined;
  }

  text(key: string, maxBytes = MAX_TEXT_BYTES): string {
    const value = this.value(key);
    if (typeof value !== 'string') this.fail(key, 'a string is missing');
    if (value.length * 3 > maxBytes && utf8Length(value) > maxBytes) this.fail(key, `longer than ${maxBytes} bytes`);
    return value;
  }

  /** A string that is not empty. */
  name(key: string): string {
    const value = this.text(key);
    if (value === '') this.fail(key, 'empty');
    return value;
  }

  message(key: string): string {
    return this.text(key, MAX_MESSAGE_BYTES);
  }

  integer(key: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.value(key);
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      this.fail(key, 'an integer is missing');
    }
    if (value < least || value > most) this.fail(key, `not in ${least} … ${most}`);
    return value;
  }

  id(): number {
    return this.integer('id', 1);
  }

  choice<T extends string>(key: string, choices: readonly T[]): T {
    const value = this.text(key);
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.fail(key, `none of ${choices.join(', ')}`);
    return found;
  }

  object(key: string): JsonObject {
    const value = this.value(key);
    if (!isObject(value)) this.fail(key, 'an object is missing');
    return value;
  }

  array(key: string, most = MAX_LIST): JsonValue[] {
    const value = this.value(key);
    if (!Array.isArray(value)) this.fail(key, 'a list is missing');
    if (value.length > most) this.fail(key, `more than ${most} entries`);
    return value;
  }

  list<T>(key: string, most: number, read: (entry: Reader) => T): T[] {
    return this.array(key, most).map((entry, index) => {
      if (!isObject(entry)) this.fail(key, 'an entry is no object');
      const reader = new Reader(entry);
      reader.path = `${this.path === '' ? '' : `${this.path}.`}${key}[${index}]`;
      return read(reader);
    });
  }

  /** Strings that are not empty. */
  names(key: string): string[] {
    return this.array(key).map((name) => {
      if (typeof name !== 'string' || name === '') this.fail(key, 'an entry is no name');
      if (utf8Length(name) > MAX_TEXT_BYTES) this.fail(key, 'an entry is too long');
      return name;
    });
  }

  ids(key: string): number[] {
    return this.array(key).map((id) => {
      if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) {
        this.fail(key, 'an entry is no id');
      }
      return id;
    });
  }
}
