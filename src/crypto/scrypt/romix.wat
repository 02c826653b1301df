;; ROMix of scrypt (RFC 7914, section 5) with Salsa20/8 in lanes of 32 bits.
;;
;; Each block of 64 bytes lies in memory by the diagonals of Salsa20's matrix: the caller moves word 5*i mod 16 to place
;; i. A step of four columns, or of four rows, then is one operation on vectors. Exclusive or does not mind the order, and
;; the first word, from which ROMix takes its next address, keeps its place.
;;
;; Memory, in pieces of 128*r bytes: zeros, a piece of scratch, and the N + 1 pieces of V, of which the first is the
;; input, and the last is what V ends with, and the result.
;;
;; Built into romix_wasm.ts by scripts/wasm/build.ts.
(module
  (memory (export "memory") 1)

  ;; BlockMix of the exclusive or of two pieces of $bytes.
  (func $mix (param $a i32) (param $b i32) (param $to i32) (param $bytes i32)
    (local $end i32) (local $other i32) (local $swap i32) (local $round i32) (local $t v128)
    (local $x0 v128) (local $x1 v128) (local $x2 v128) (local $x3 v128)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local.set $end (i32.add (local.get $a) (local.get $bytes)))
    ;; Blocks with an even number go to the first half, the others to the second.
    (local.set $other (i32.add (local.get $to) (i32.shr_u (local.get $bytes) (i32.const 1))))
    (local.set $swap (i32.sub (i32.add (local.get $b) (local.get $bytes)) (i32.const 64)))
    (local.set $round (i32.sub (local.get $end) (i32.const 64)))
    (local.set $x0 (v128.xor (v128.load (local.get $round)) (v128.load (local.get $swap))))
    (local.set $x1 (v128.xor (v128.load offset=16 (local.get $round)) (v128.load offset=16 (local.get $swap))))
    (local.set $x2 (v128.xor (v128.load offset=32 (local.get $round)) (v128.load offset=32 (local.get $swap))))
    (local.set $x3 (v128.xor (v128.load offset=48 (local.get $round)) (v128.load offset=48 (local.get $swap))))
    (loop $block
      (local.set $x0 (v128.xor (local.get $x0) (v128.xor (v128.load (local.get $a)) (v128.load (local.get $b)))))
      (local.set $x1
        (v128.xor (local.get $x1) (v128.xor (v128.load offset=16 (local.get $a)) (v128.load offset=16 (local.get $b)))))
      (local.set $x2
        (v128.xor (local.get $x2) (v128.xor (v128.load offset=32 (local.get $a)) (v128.load offset=32 (local.get $b)))))
      (local.set $x3
        (v128.xor (local.get $x3) (v128.xor (v128.load offset=48 (local.get $a)) (v128.load offset=48 (local.get $b)))))
      (local.set $s0 (local.get $x0))
      (local.set $s1 (local.get $x1))
      (local.set $s2 (local.get $x2))
      (local.set $s3 (local.get $x3))
      (local.set $round (i32.const 4))
      (loop $double_round
          ;; The columns.
          (local.set $t (i32x4.add (local.get $x0) (local.get $x3)))
          (local.set $x1 (v128.xor (local.get $x1) (i32x4.shl (local.get $t) (i32.const 7))))
          (local.set $x1 (v128.xor (local.get $x1) (i32x4.shr_u (local.get $t) (i32.const 25))))
          (local.set $t (i32x4.add (local.get $x1) (local.get $x0)))
          (local.set $x2 (v128.xor (local.get $x2) (i32x4.shl (local.get $t) (i32.const 9))))
          (local.set $x2 (v128.xor (local.get $x2) (i32x4.shr_u (local.get $t) (i32.const 23))))
          (local.set $t (i32x4.add (local.get $x2) (local.get $x1)))
          (local.set $x3 (v128.xor (local.get $x3) (i32x4.shl (local.get $t) (i32.const 13))))
          (local.set $x3 (v128.xor (local.get $x3) (i32x4.shr_u (local.get $t) (i32.const 19))))
          (local.set $t (i32x4.add (local.get $x3) (local.get $x2)))
          (local.set $x0 (v128.xor (local.get $x0) (i32x4.shl (local.get $t) (i32.const 18))))
          (local.set $x0 (v128.xor (local.get $x0) (i32x4.shr_u (local.get $t) (i32.const 14))))
          (local.set $x1 (i8x16.shuffle 12 13 14 15 0 1 2 3 4 5 6 7 8 9 10 11 (local.get $x1) (local.get $x1)))
          (local.set $x2 (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $x2) (local.get $x2)))
          (local.set $x3 (i8x16.shuffle 4 5 6 7 8 9 10 11 12 13 14 15 0 1 2 3 (local.get $x3) (local.get $x3)))
          ;; The rows.
          (local.set $t (i32x4.add (local.get $x0) (local.get $x1)))
          (local.set $x3 (v128.xor (local.get $x3) (i32x4.shl (local.get $t) (i32.const 7))))
          (local.set $x3 (v128.xor (local.get $x3) (i32x4.shr_u (local.get $t) (i32.const 25))))
          (local.set $t (i32x4.add (local.get $x3) (local.get $x0)))
          (local.set $x2 (v128.xor (local.get $x2) (i32x4.shl (local.get $t) (i32.const 9))))
          (local.set $x2 (v128.xor (local.get $x2) (i32x4.shr_u (local.get $t) (i32.const 23))))
          (local.set $t (i32x4.add (local.get $x2) (local.get $x3)))
          (local.set $x1 (v128.xor (local.get $x1) (i32x4.shl (local.get $t) (i32.const 13))))
          (local.set $x1 (v128.xor (local.get $x1) (i32x4.shr_u (local.get $t) (i32.const 19))))
          (local.set $t (i32x4.add (local.get $x1) (local.get $x2)))
          (local.set $x0 (v128.xor (local.get $x0) (i32x4.shl (local.get $t) (i32.const 18))))
          (local.set $x0 (v128.xor (local.get $x0) (i32x4.shr_u (local.get $t) (i32.const 14))))
          (local.set $x1 (i8x16.shuffle 4 5 6 7 8 9 10 11 12 13 14 15 0 1 2 3 (local.get $x1) (local.get $x1)))
          (local.set $x2 (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $x2) (local.get $x2)))
          (local.set $x3 (i8x16.shuffle 12 13 14 15 0 1 2 3 4 5 6 7 8 9 10 11 (local.get $x3) (local.get $x3)))
        (br_if $double_round (local.tee $round (i32.sub (local.get $round) (i32.const 1)))))
      (local.set $x0 (i32x4.add (local.get $x0) (local.get $s0)))
      (local.set $x1 (i32x4.add (local.get $x1) (local.get $s1)))
      (local.set $x2 (i32x4.add (local.get $x2) (local.get $s2)))
      (local.set $x3 (i32x4.add (local.get $x3) (local.get $s3)))
      (v128.store (local.get $to) (local.get $x0))
      (v128.store offset=16 (local.get $to) (local.get $x1))
      (v128.store offset=32 (local.get $to) (local.get $x2))
      (v128.store offset=48 (local.get $to) (local.get $x3))
      (local.set $swap (i32.add (local.get $to) (i32.const 64)))
      (local.set $to (local.get $other))
      (local.set $other (local.get $swap))
      (local.set $b (i32.add (local.get $b) (i32.const 64)))
      (br_if $block
        (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 64))) (local.get $end)))))

  ;; Makes $count more pieces of V, each from the one before, which lies at $at.
  (func (export "fill") (param $at i32) (param $count i32) (param $bytes i32)
    (local $next i32)
    (loop $piece
      (local.set $next (i32.add (local.get $at) (local.get $bytes)))
      (call $mix (local.get $at) (i32.const 0) (local.get $next) (local.get $bytes))
      (local.set $at (local.get $next))
      (br_if $piece (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))

  ;; Mixes the piece at $at with $count pieces of V, an even number, each found by the last block before. $n is N.
  (func (export "walk") (param $at i32) (param $count i32) (param $bytes i32) (param $n i32)
    (loop $pair
      (call $mix (local.get $at) (call $chosen (local.get $at) (local.get $bytes) (local.get $n))
        (local.get $bytes) (local.get $bytes))
      (call $mix (local.get $bytes) (call $chosen (local.get $bytes) (local.get $bytes) (local.get $n))
        (local.get $at) (local.get $bytes))
      (br_if $pair (local.tee $count (i32.sub (local.get $count) (i32.const 2))))))

  ;; The address of the piece of V that Integerify of the piece at $at chooses.
  (func $chosen (param $at i32) (param $bytes i32) (param $n i32) (result i32)
    (i32.add
      (i32.shl (local.get $bytes) (i32.const 1))
      (i32.mul
        (local.get $bytes)
        (i32.and
          (i32.load (i32.sub (i32.add (local.get $at) (local.get $bytes)) (i32.const 64)))
          (i32.sub (local.get $n) (i32.const 1)))))))
