import type { ItemNode, RuleNode } from './rule-tree.ts'

/**
 * What is left of a detection when the answers of some of its items are known.
 * @param known true or false where the item's answer is known, undefined elsewhere; items whose bodies may have been left out of
 *   the event must not be known, since they may be neither
 * @returns true or false when that decides it, in Kleene's logic as well; otherwise a tree of unknown items that gives the same
 *   answer as the whole
 */
export function simplify(node: RuleNode, known: (item: ItemNode) => boolean | undefined): RuleNode | boolean {
  switch (node.kind) {
    case 'item':
      return known(node) ?? node
    case 'named':
      return simplify(node.child, known)
    case 'not': {
      const child = simplify(node.child, known)
      if (typeof child === 'boolean') return !child
      return child.kind === 'not' ? child.child : { kind: 'not', child }
    }
    default: {
      const decisive = node.kind === 'or'
      const children: RuleNode[] = []
      for (const child of node.children) {
        const left = simplify(child, known)
        if (left === decisive) return decisive
        if (typeof left === 'boolean') continue
        if (left.kind === node.kind) children.push(...left.children)
        else children.push(left)
      }
      const [only] = children
      if (only === undefined) return !decisive
      return children.length === 1 ? only : { kind: node.kind, children }
    }
  }
}
