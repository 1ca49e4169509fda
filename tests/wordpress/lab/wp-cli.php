<?php
/**
 * The part of WP-CLI that commands use: what they print goes into the answer of the request.
 */

namespace WP_CLI\Utils {
	function format_items( $format, $items, $columns ) {
		if ( 'ids' === $format ) {
			echo implode( ' ', $items ), "\n";
			return;
		}
		if ( 'json' === $format ) {
			echo json_encode( $items ), "\n";
			return;
		}
		foreach ( $items as $item ) {
			$cells = array();
			foreach ( $columns as $column ) {
				$cells[] = $item[ $column ];
			}
			echo implode( ' ', $cells ), "\n";
		}
	}
}

namespace {
	define( 'WP_CLI', true );

	class WP_CLI {
		public static $commands = array();

		public static function add_command( $name, $command ) {
			self::$commands[ $name ] = $command;
		}

		public static function get_value_from_arg_or_stdin( $args, $index ) {
			return isset( $args[ $index ] ) ? trim( $args[ $index ] ) : (string) wp_unslash( $_POST['lab_stdin'] );
		}

		public static function log( $text ) {
			echo $text, "\n";
		}

		public static function success( $text ) {
			echo "Success: $text\n";
		}

		public static function error( $text ) {
			exit( "Error: $text\n" );
		}
	}
}
