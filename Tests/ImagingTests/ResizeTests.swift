import Imaging
import TensorCore
import TestSupport
import Testing

/// What cases against Pillow (golden kinds `picture_resize`, `image_prep`) do not show.
@Suite struct ResizeTests {
  @Test func badSizesAreRefused() throws {
    let picture = try Tensor(zeros: [3, 4, 3], dtype: .u8)
    for (rows, columns) in [(0, 1), (1, 0), (-1, 4), (1 << 40, 1)] {
      #expect(throws: ImagingError.self) {
        try picture.resized(rows: rows, columns: columns, filter: .lanczos)
      }
    }
    #expect(throws: ImagingError.self) {
      try Tensor(zeros: [3, 4, 4], dtype: .u8).resized(rows: 2, columns: 2, filter: .box)
    }
  }

  @Test(arguments: ResizeFilter.allCases) func evenPicturesStayEven(_ filter: ResizeFilter) throws {
    let picture = try Tensor(uninitialized: [31, 57, 3], dtype: .u8)
    picture.pointer.initializeMemory(as: UInt8.self, repeating: 201, count: picture.count)
    for (rows, columns) in [(7, 9), (100, 3), (1, 1), (64, 200)] {
      for threads in [1, 4] {
        let context = try ComputeContext(instructionSet: .best, threadCount: threads)
        let result = try picture.resized(
          rows: rows, columns: columns, filter: filter, on: context)
        #expect(result.shape.axes == [rows, columns, 3])
        #expect(try result.bytes().allSatisfy { $0 == 201 })
      }
    }
  }

  @Test func referencePicturesHaveSidesOfSixteen() throws {
    let size = try ReferencePicture.size(rows: 1280, columns: 720, maxSize: 720)
    #expect(size.rows == 720 && size.columns == 416)
    #expect(throws: ImagingError.tooThin(rows: 1, columns: 2000, longerSide: 720)) {
      try ReferencePicture.size(rows: 1, columns: 2000, maxSize: 720)
    }
    for maxSize in [0, -5, Int.max] {
      #expect(throws: ImagingError.self) {
        try ReferencePicture.size(rows: 10, columns: 10, maxSize: maxSize)
      }
    }
  }

  @Test func referencePicturesComeStraightToASize() throws {
    let picture = try Tensor(uninitialized: [37, 53, 3], dtype: .u8)
    var random = SeededGenerator(seed: 5)
    let pixels = picture.pointer.assumingMemoryBound(to: UInt8.self)
    for index in 0..<picture.count { pixels[index] = UInt8.random(in: 0...255, using: &random) }
    let result = try ReferencePicture.prepared(picture, rows: 48, columns: 16)
    let expected = try picture.resized(rows: 48, columns: 16, filter: .lanczos)
    #expect(result.shape.axes == [48, 16, 3])
    #expect(try result.bytes() == expected.bytes())
    // As by the longer side, where that gives the same size.
    let byLength = try ReferencePicture.prepared(picture, maxSize: 64)
    let (rows, columns) = (byLength.shape[0], byLength.shape[1])
    let bySize = try ReferencePicture.prepared(picture, rows: rows, columns: columns)
    #expect(try bySize.bytes() == byLength.bytes())
  }

  @Test(arguments: [(0, 16), (16, 0), (-16, 16), (24, 16), (16, 17), (16400, 16), (16, 1 << 40)])
  func referencePicturesOfOtherSizesAreRefused(rows: Int, columns: Int) throws {
    let picture = try Tensor(zeros: [20, 20, 3], dtype: .u8)
    let error = #expect(throws: ImagingError.self) {
      try ReferencePicture.prepared(picture, rows: rows, columns: columns)
    }
    #expect(error?.description.contains("\(columns)x\(rows) pixels are not possible") ?? false)
    #expect(throws: ImagingError.self) { try ReferencePicture.check(rows: rows, columns: columns) }
  }
}
