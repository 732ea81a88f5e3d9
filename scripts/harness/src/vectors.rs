//! Whether aid's kernels are the vector code they are written as.
//!
//! A target with soft floats, or a missing target feature, turns vector intrinsics into calls of `fmaf` without a warning:
//! right results, a hundred times slower. So the built program is looked at: its kernels have fused multiply-adds over whole
//! vectors (AVX2: `ymm`; NEON: `.4s`), none of them calls `fmaf`, and no soft float routine is linked at all.
//!
//! The instructions looked for are few, and matched by their encodings (Intel SDM volume 2, "VEX prefix"; Arm ARM C4.1).

use crate::arch::Arch;
use xmas_elf::ElfFile;
use xmas_elf::sections::SectionData;
use xmas_elf::symbol_table::{Entry, Type};

/// Routines that only soft float code calls.
const SOFT: [&str; 2] = ["__mulsf3", "__addsf3"];

/// A function of the program.
struct Function<'a> {
    name: &'a str,
    address: u64,
    code: &'a [u8],
}

/// Checks the program aid.
///
/// # Errors
/// What it has that it must not have, or lacks.
pub fn check(arch: Arch, program: &[u8]) -> Result<(), String> {
    let elf = ElfFile::new(program).map_err(|e| format!("no ELF file ({e})"))?;
    let functions = functions(&elf)?;
    if let Some(soft) = functions.iter().find(|f| SOFT.contains(&f.name)) {
        return Err(format!("{} is linked: it was built for soft floats", soft.name));
    }
    let module = match arch {
        Arch::X86_64 => "6kernel4avx2",
        Arch::Aarch64 => "6kernel4neon",
    };
    let fmaf: Vec<u64> = functions.iter().filter(|f| f.name.contains("fmaf")).map(|f| f.address).collect();
    let kernels: Vec<&Function> = functions.iter().filter(|f| f.name.contains(module)).collect();
    for kernel in &kernels {
        if calls(arch, kernel).any(|target| fmaf.contains(&target)) {
            return Err(format!("{} calls fmaf", kernel.name));
        }
    }
    if kernels.iter().any(|kernel| has_fused_vectors(arch, kernel.code)) {
        return Ok(());
    }
    Err(format!("none of the {} functions of {module} has a fused multiply-add of vectors", kernels.len()))
}

fn functions<'a>(elf: &ElfFile<'a>) -> Result<Vec<Function<'a>>, String> {
    let table = elf.find_section_by_name(".symtab").ok_or("it has no symbols")?;
    let Ok(SectionData::SymbolTable64(symbols)) = table.get_data(elf) else {
        return Err("its symbols are not 64 bits".into());
    };
    let mut all = Vec::new();
    for symbol in symbols.iter().filter(|s| s.get_type() == Ok(Type::Func) && s.size() > 0) {
        let section = elf.section_header(symbol.shndx()).map_err(|e| e.to_string())?;
        let start = symbol.value().wrapping_sub(section.address()) as usize;
        let code = section.raw_data(elf).get(start..).and_then(|rest| rest.get(..symbol.size() as usize));
        let (Some(code), Ok(name)) = (code, symbol.get_name(elf)) else { continue };
        all.push(Function { name, address: symbol.value(), code });
    }
    Ok(all)
}

/// Where a function calls or jumps to, by relative addresses. Bytes that only look like a call give addresses of nothing.
fn calls<'a>(arch: Arch, function: &'a Function<'_>) -> Box<dyn Iterator<Item = u64> + 'a> {
    let (code, address) = (function.code, function.address);
    match arch {
        Arch::X86_64 => {
            Box::new(code.windows(5).enumerate().filter(|(_, w)| matches!(w[0], 0xe8 | 0xe9)).map(move |(at, w)| {
                let offset = i64::from(i32::from_le_bytes([w[1], w[2], w[3], w[4]]));
                (address + at as u64 + 5).wrapping_add_signed(offset)
            }))
        }
        Arch::Aarch64 => Box::new(
            words(code).enumerate().filter(|(_, w)| matches!(w >> 26, 0b10_0101 | 0b00_0101)).map(move |(at, w)| {
                let offset = i64::from((w << 6) as i32 >> 6) * 4;
                (address + 4 * at as u64).wrapping_add_signed(offset)
            }),
        ),
    }
}

fn words(code: &[u8]) -> impl Iterator<Item = u32> {
    code.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes))
}

fn has_fused_vectors(arch: Arch, code: &[u8]) -> bool {
    match arch {
        // VEX with three bytes, map 0F38, 256 bits, prefix 66, VFMADD132PS to VFMADD231PS.
        Arch::X86_64 => code
            .windows(4)
            .any(|w| w[0] == 0xc4 && w[1] & 0x1f == 2 && w[2] & 0x87 == 0x05 && matches!(w[3], 0x98 | 0xa8 | 0xb8)),
        // FMLA Vd.4S, Vn.4S, Vm.4S, and by element.
        Arch::Aarch64 => words(code).any(|w| w & 0xffe0_fc00 == 0x4e20_cc00 || w & 0xffc0_f400 == 0x4f80_1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_instructions_are_known_by_their_encodings() {
        // vfmadd231ps ymm0, ymm1, ymm2; the same with xmm; vfmadd231ss.
        assert!(has_fused_vectors(Arch::X86_64, &[0x90, 0xc4, 0xe2, 0x75, 0xb8, 0xc2]));
        assert!(!has_fused_vectors(Arch::X86_64, &[0xc4, 0xe2, 0x71, 0xb8, 0xc2]));
        assert!(!has_fused_vectors(Arch::X86_64, &[0xc4, 0xe2, 0x71, 0xb9, 0xc2]));
        // fmla v0.4s, v1.4s, v2.4s; fmla v0.4s, v1.4s, v2.s[0]; fmla v0.2s, v1.2s, v2.2s; fmadd s0, s1, s2, s3.
        let arm = |word: u32| has_fused_vectors(Arch::Aarch64, &word.to_le_bytes());
        assert!(arm(0x4e22_cc20) && arm(0x4f82_1020));
        assert!(!arm(0x0e22_cc20) && !arm(0x1f02_0c20));
    }

    #[test]
    fn calls_are_followed() {
        let code = [0x90, 0xe8, 0xfa, 0x0f, 0, 0];
        let function = Function { name: "f", address: 0x1000, code: &code };
        assert_eq!(calls(Arch::X86_64, &function).collect::<Vec<_>>(), [0x2000]);
        let back = 0x97ff_ffff_u32.to_le_bytes();
        let function = Function { name: "f", address: 0x1000, code: &back };
        assert_eq!(calls(Arch::Aarch64, &function).collect::<Vec<_>>(), [0xffc]);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(check(Arch::X86_64, b"not an elf").is_err());
    }
}
