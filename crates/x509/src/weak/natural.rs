//! Natural numbers of any size: the little arithmetic that weak-key checks need.
//!
//! Not for secrets: nothing here runs in constant time.

use std::cmp::Ordering;

/// A natural number in limbs of 32 bits, least significant first, without leading zero limbs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Natural(Vec<u32>);

impl Natural {
    pub(super) fn from_be_bytes(bytes: &[u8]) -> Self {
        let limb = |chunk: &[u8]| chunk.iter().fold(0, |limb, byte| limb << 8 | u32::from(*byte));
        Self(bytes.rchunks(4).map(limb).collect()).trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The remainder after division by `divisor`, which is not zero.
    pub(super) fn rem_small(&self, divisor: u32) -> u32 {
        let divisor = u64::from(divisor);
        let step = |rest: u64, limb: &u32| (rest << 32 | u64::from(*limb)) % divisor;
        low(self.0.iter().rev().fold(0, step))
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut carry = 0;
        let mut sum = Vec::with_capacity(self.0.len().max(other.0.len()) + 1);
        for at in 0..self.0.len().max(other.0.len()) {
            let total = u64::from(self.limb(at)) + u64::from(other.limb(at)) + carry;
            sum.push(low(total));
            carry = total >> 32;
        }
        sum.push(low(carry));
        Self(sum).trimmed()
    }

    pub(super) fn plus_one(&self) -> Self {
        self.plus(&Self(vec![1]))
    }

    /// The difference; `other` is not larger.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut difference = self.clone();
        difference.subtract(other);
        difference
    }

    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for at in 0..self.0.len() {
            let (partial, first) = self.0[at].overflowing_sub(other.limb(at));
            let (limb, second) = partial.overflowing_sub(u32::from(borrow));
            self.0[at] = limb;
            borrow = first || second;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    pub(super) fn square(&self) -> Self {
        let mut product = vec![0; self.0.len() * 2 + 1];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (j, b) in self.0.iter().enumerate() {
                let total = u64::from(*a) * u64::from(*b) + u64::from(product[i + j]) + carry;
                product[i + j] = low(total);
                carry = total >> 32;
            }
            product[i + self.0.len()] = low(carry);
        }
        Self(product).trimmed()
    }

    /// The integer square root and what is left over, digit by binary digit.
    pub(super) fn sqrt(&self) -> (Self, Self) {
        let (mut root, mut rest) = (Self(Vec::new()), Self(Vec::new()));
        for pair in (0..self.0.len() * 16).rev() {
            rest.shift_in(self.bit(2 * pair + 1));
            rest.shift_in(self.bit(2 * pair));
            let mut candidate = root.clone();
            candidate.shift_in(false);
            candidate.shift_in(true);
            let fits = rest.compare(&candidate) != Ordering::Less;
            if fits {
                rest.subtract(&candidate);
            }
            root.shift_in(fits);
        }
        (root, rest)
    }

    /// Whether it is a square. Most numbers that are none are told by a few residues.
    pub(super) fn is_square(&self) -> bool {
        let plausible = [64, 63, 65, 11].into_iter().all(|modulus| {
            let residue = self.rem_small(modulus);
            (0..modulus).any(|n| n * n % modulus == residue)
        });
        plausible && self.sqrt().1.is_zero()
    }

    fn limb(&self, at: usize) -> u32 {
        self.0.get(at).copied().unwrap_or(0)
    }

    fn bit(&self, at: usize) -> bool {
        self.limb(at / 32) >> (at % 32) & 1 == 1
    }

    fn shift_in(&mut self, bit: bool) {
        let mut carry = u32::from(bit);
        for limb in &mut self.0 {
            let out = *limb >> 31;
            *limb = *limb << 1 | carry;
            carry = out;
        }
        if carry != 0 {
            self.0.push(carry);
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

/// The low 32 bits.
fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn natural(value: u64) -> Natural {
        Natural::from_be_bytes(&value.to_be_bytes())
    }

    proptest! {
        #[test]
        fn arithmetic_agrees_with_machine_words(a in any::<u32>(), b in any::<u32>(), m in 1..u32::MAX) {
            let (wide_a, wide_b) = (u64::from(a), u64::from(b));
            prop_assert_eq!(natural(wide_a).plus(&natural(wide_b)), natural(wide_a + wide_b));
            prop_assert_eq!(natural(wide_a).square(), natural(wide_a * wide_a));
            let (large, small) = (wide_a.max(wide_b) << 16, wide_a.min(wide_b));
            prop_assert_eq!(natural(large).minus(&natural(small)), natural(large - small));
            prop_assert_eq!(u64::from(natural(large).rem_small(m)), large % u64::from(m));
            let product = wide_a * wide_b;
            let (root, rest) = natural(product).sqrt();
            prop_assert_eq!(&root, &natural(product.isqrt()));
            prop_assert_eq!(root.square().plus(&rest), natural(product));
            prop_assert_eq!(natural(product).is_square(), product.isqrt().pow(2) == product);
        }

        #[test]
        fn roots_of_large_numbers_square_back(bytes in proptest::collection::vec(any::<u8>(), 1..64)) {
            let number = Natural::from_be_bytes(&bytes);
            let (root, rest) = number.sqrt();
            prop_assert_eq!(root.square().plus(&rest), number);
            prop_assert!(root.square().is_square());
            prop_assert!(root.plus(&root).compare(&rest) != Ordering::Less);
        }
    }
}
