/** Header of the message that ends the reading of a changelog, with an id of the reading; such messages carry no state. */
export const FENCE_HEADER = 'weir.fence'
