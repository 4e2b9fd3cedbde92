// Files and folders of every shape that has a rule of its own, made anew by a fixed rule, so that
// nothing of them has to be kept. makeShapes() gives their names; each lies at folder/name.
import fs from 'node:fs'
import path from 'node:path'

const MiB = 1 << 20

/** Bytes by the rule of tests/vectors/cid, from `seed` on: no two leaves are alike. */
function pattern(size, seed = 0) {
  const bytes = Buffer.allocUnsafe(size)
  for (let i = 0; i < size; i++) bytes[i] = (i * 7 + (i >> 8) + (i >> 17) + seed * 31) % 251
  return bytes
}

function write(file, bytes) {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, bytes)
}

/** A file of that size that is a hole but for the given pieces. */
function sparse(file, size, pieces = []) {
  const fd = fs.openSync(file, 'w')
  for (const [at, bytes] of pieces) fs.writeSync(fd, bytes, 0, bytes.length, at)
  fs.ftruncateSync(fd, size)
  fs.closeSync(fd)
}

/** A folder whose plain block has exactly `size` bytes: each link to an empty file takes 44 more
 *  than its name. */
function folderOfBlockSize(folder, size) {
  fs.mkdirSync(folder)
  let rest = size - 4 // the node's data
  for (let i = 0; rest > 0; i++) {
    // The last two take what is left; a name of over 85 bytes would need a longer length.
    const length = rest >= 94 * 2 + 60 ? 50 : rest > 44 + 85 ? (rest >> 1) - 44 : rest - 44
    write(path.join(folder, String(i).padStart(length, '0')), '')
    rest -= 44 + length
  }
  if (rest !== 0) throw new Error(`no folder has a block of ${size} bytes`)
}

function manyEntries(folder, count, nameOf, textOf) {
  fs.mkdirSync(folder, { recursive: true })
  for (let i = 0; i < count; i++) fs.writeFileSync(path.join(folder, nameOf(i)), textOf(i))
}

const files = {
  empty: (file) => write(file, ''),
  'one-byte': (file) => write(file, 'x'),
  'hello-world': (file) => write(file, 'hello world'),
  text: (file) => write(file, 'A line.\r\nAnother, caf\u00e9.\n'),
  'a-leaf-less-one': (file) => write(file, pattern(MiB - 1)),
  'a-leaf': (file) => write(file, pattern(MiB)),
  'a-leaf-and-one': (file) => write(file, pattern(MiB + 1)),
  'two-leaves': (file) => write(file, pattern(2 * MiB)),
  'some-leaves': (file) => write(file, pattern(5 * MiB + 77)),
  'one-leaf-again-and-again': (file) => write(file, Buffer.concat(Array(9).fill(pattern(MiB, 3)))),
  'a-hole': (file) => sparse(file, 20 * MiB),
  'holes-among-data': (file) =>
    sparse(file, 12 * MiB + 5, [
      [3 * MiB + 9, pattern(1000)],
      [7 * MiB - 500, pattern(1000, 5)]
    ]),
  '1024-leaves': (file) => sparse(file, 1024 * MiB, [[500 * MiB, pattern(100)]]),
  '1025-leaves': (file) => sparse(file, 1024 * MiB + 1, [[700 * MiB + 1, pattern(100)]])
}

const folders = {
  'no-entries': (folder) => fs.mkdirSync(folder),
  flat: (folder) => {
    for (const [name, size] of Object.entries({ z: 0, a: 1, B: 1000, 'b.txt': MiB + 1 })) {
      write(path.join(folder, name), pattern(size))
    }
  },
  deep: (folder) => {
    let at = folder
    for (let i = 0; i < 90; i++) at = path.join(at, `d${i}`)
    write(path.join(at, 'bottom'), 'deep')
  },
  'odd-names': (folder) => {
    const names = ['with space', ' leading', 'trailing ', '-rf', 'a\\b', 'quote"s\'', 'star*?[x]',
      '%41%2f', 'plus+and&more=1;#2', 'tab\there', 'line\nbreak', 'caf\u00e9', 'cafe\u0301',
      '\u65e5\u672c\u8a9e', '\ud83d\ude00', 'RTL\u202ename', '~', '$HOME', 'x'.repeat(200)]
    for (const name of names) write(path.join(folder, name), name)
    write(path.join(folder, 'nested \u00e9', 'inside'), 'inside')
  },
  links: (folder) => {
    write(path.join(folder, 'sub/file'), 'file')
    const targets = { relative: 'sub/file', dangling: 'no/such', absolute: '/etc/hostname',
      folder: 'sub', up: '../..', 'odd \u00e9': 'caf\u00e9 \ud83d\ude00' }
    for (const [name, target] of Object.entries(targets)) {
      fs.symlinkSync(target, path.join(folder, name))
    }
  },
  duplicates: (folder) => {
    for (const name of ['one', 'two', 'sub/one', 'again/sub/one']) {
      write(path.join(folder, name), pattern(MiB + 50_000, 9))
    }
  },
  'empty-inside': (folder) => {
    fs.mkdirSync(path.join(folder, 'a/b/c'), { recursive: true })
    fs.mkdirSync(path.join(folder, 'd'))
    write(path.join(folder, 'e/empty'), '')
  },
  hidden: (folder) => {
    write(path.join(folder, 'seen'), 'seen')
    write(path.join(folder, '.hidden'), 'hidden')
    write(path.join(folder, '.git/HEAD'), 'hidden')
    write(path.join(folder, 'sub/.hidden'), 'hidden')
  },
  'a-block-of-256-KiB': (folder) => folderOfBlockSize(folder, 256 * 1024),
  'a-block-of-256-KiB-and-one': (folder) => folderOfBlockSize(folder, 256 * 1024 + 1),
  'long-names': (folder) => manyEntries(folder, 1200, (i) => `${i}-`.padEnd(230, 'n'), (i) => `long ${i}\n`),
  'shards-in-a-folder': (folder) => {
    manyEntries(path.join(folder, 'many'), 6000, (i) => `file-${i}.txt`, (i) => `file ${i}\n`)
    write(path.join(folder, 'many/sub/x'), 'x')
    write(path.join(folder, 'few/y'), 'y')
  },
  // No other shape has files like these: when nothing pins the folder, all of them go.
  '100000-entries': (folder) =>
    manyEntries(folder, 100_000, (i) => `entry-${i}`, (i) => `entry ${i}\n`)
}

export const kLargest = '100000-entries'

export function makeShapes(folder) {
  const made = []
  for (const [name, make] of Object.entries({ ...files, ...folders })) {
    make(path.join(folder, name))
    made.push(name)
  }
  return made
}

/** A protobuf field of a number, or of bytes (or a text, or a message made of such fields). */
function field(number, value) {
  const varint = (n) => {
    const bytes = []
    for (; n > 127; n = Math.floor(n / 128)) bytes.push((n % 128) + 128)
    return Buffer.from([...bytes, n])
  }
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)])
  const bytes = Buffer.from(value)
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

/** An ONNX model (onnx.proto of ONNX 1.14) that adds `count` numbers of a pattern to its input. */
function additionModel(count) {
  const message = (...fields) => Buffer.concat(fields)
  const kFloat = 1
  const shape = field(2, field(1, field(1, count)))
  const tensor = field(2, field(1, message(field(1, kFloat), shape)))
  const graph = message(
    field(1, message(field(1, 'x'), field(1, 'w'), field(2, 'y'), field(4, 'Add'))),
    field(2, 'addition'),
    field(5, message(field(1, count), field(2, kFloat), field(8, 'w'), field(9, pattern(4 * count, 2)))),
    field(11, message(field(1, 'x'), tensor)),
    field(12, message(field(1, 'y'), tensor)))
  return message(field(1, 8), field(7, graph), field(8, message(field(1, ''), field(2, 17))))
}

/** A folder in the layout of a model. */
export function makeModelFolder(folder) {
  write(path.join(folder, 'config.json'), '{"model_type": "none"}\n')
  write(path.join(folder, 'tokenizer.json'), pattern(300_000, 1))
  write(path.join(folder, 'onnx/model.onnx'), additionModel(6_000_000))
  return folder
}
