import MediaIO
import Testing
