// ONNX Runtime's WebNN provider calls JavaScript through functions that Emscripten puts together as
// text. The page's Content-Security-Policy forbids that ("unsafe-eval"), so that one expression is
// replaced by functions that need no text.

const kExpression = '(new Function(Object.keys(k),h))(...Object.values(k))';
/** What must be around it, so that the names mean what they meant in the version we know. */
const kAround = [
  'switch(c){case 0:var h="toValue(handle)"',
  'case 1:k.getStringOrSymbol=',
  'h=`return emval_returnValue(toReturnWire, destructorsRef, ${h})`',
  'return`${q}(args${p?"+"+8*p:""})`',
];

/**
 * `kind`: 0 calls a function, 1 a method, 2 a constructor, 3 hands its argument on. `tools` are the
 * functions that the text would have named; argument i lies at 8 * i.
 */
export function webpoolInvoker(kind, tools, count) {
  const { toValue, getStringOrSymbol, toReturnWire, emval_returnValue } = tools;
  const readers = Array.from({ length: count }, (_, i) => tools[`argFromPtr${i}`]);
  const call = [
    (handle, name, args) => toValue(handle)(...args),
    (handle, name, args) => toValue(handle)[getStringOrSymbol(name)](...args),
    (handle, name, args) => new (toValue(handle))(...args),
    (handle, name, args) => args.at(-1),
  ][kind];
  return (handle, name, destructors, at) => {
    const args = readers.map((read, i) => read(at + 8 * i));
    const value = call(handle, name, args);
    return toReturnWire ? emval_returnValue(toReturnWire, destructors, value) : undefined;
  };
}

/** The module's text without the need for "unsafe-eval". Throws where it is not as expected. */
export function withoutEval(text, file) {
  const pieces = text.split(kExpression);
  if (pieces.length === 1 && !/new Function\b/.test(text)) return text;
  if (pieces.length !== 2 || !kAround.every((piece) => text.includes(piece))) {
    throw new Error(`${file} makes functions of text in a way that build/no-eval.mjs does not know`);
  }
  return `${pieces.join('webpoolInvoker(c,k,f.length)')}\n${webpoolInvoker}\n`;
}
