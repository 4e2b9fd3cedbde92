import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { webpoolInvoker, withoutEval } from './no-eval.mjs';

/** Values behind handles, and arguments at their addresses. */
function tools(values, memory, count) {
  const entries = Array.from({ length: count }, (_, i) => [`argFromPtr${i}`, (at) => memory[at]]);
  return {
    toValue: (handle) => values[handle],
    getStringOrSymbol: (name) => `m${name}`,
    toReturnWire: 'wire',
    emval_returnValue: (wire, destructors, value) => [wire, destructors, value],
    ...Object.fromEntries(entries),
  };
}

class Pair {
  constructor(a, b) {
    this.sum = a + b;
  }
  m7(factor) {
    return this.sum * factor;
  }
}

describe('webpoolInvoker', () => {
  it('calls a function with the arguments that lie 8 bytes apart', () => {
    const known = tools([(a, b) => a - b], { 100: 5, 108: 3 }, 2);
    expect(webpoolInvoker(0, known, 2)(0, 0, 'd', 100)).toEqual(['wire', 'd', 2]);
  });

  it('calls a method with its object', () => {
    const known = tools([new Pair(1, 2)], { 16: 5 }, 1);
    expect(webpoolInvoker(1, known, 1)(0, 7, 'd', 16)).toEqual(['wire', 'd', 15]);
  });

  it('constructs', () => {
    const known = tools([Pair], { 0: 1, 8: 2 }, 2);
    expect(webpoolInvoker(2, known, 2)(0, 0, 'd', 0)[2]).toEqual(new Pair(1, 2));
  });

  it('hands a value on', () => {
    expect(webpoolInvoker(3, tools([], { 24: 'x' }, 1), 1)(0, 0, 'd', 24)[2]).toBe('x');
  });

  it('returns nothing where nothing is wanted', () => {
    const { toReturnWire: _, ...known } = tools([() => 1], {}, 0);
    expect(webpoolInvoker(0, known, 0)(0, 0, 'd', 0)).toBeUndefined();
  });
});

describe('withoutEval', () => {
  const file = new URL(
    '../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs',
    import.meta.url,
  );

  it('leaves no function made of text in the module that is shipped', () => {
    const text = withoutEval(readFileSync(file, 'utf8'), 'asyncify');
    expect(text).not.toMatch(/new Function\b/);
    expect(text).toContain('webpoolInvoker(c,k,f.length)');
  });

  it('leaves a module alone that has none', () => {
    expect(withoutEval('export default 1', 'x')).toBe('export default 1');
  });

  it('refuses what it does not know', () => {
    expect(() => withoutEval('new Function("a")', 'x')).toThrow('does not know');
  });
});
