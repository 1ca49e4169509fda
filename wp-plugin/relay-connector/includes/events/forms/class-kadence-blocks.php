<?php
/**
 * Kadence Blocks.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;
use Relay_Connector\Events\Plain_Text;

defined( 'ABSPATH' ) || exit;

/**
 * Two blocks: the form, and the newer advanced form, which is a post of its own. Both pass their fields with type and
 * label. The values of the advanced form still have WordPress's slashes.
 */
final class Kadence_Blocks extends Added_Form_Plugin {

	const POST_TYPE = 'kadence_form';

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'kadence-blocks';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'Kadence Blocks';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return defined( 'KADENCE_BLOCKS_VERSION' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'kadence_blocks_advanced_form_submission', array( $this, 'on_advanced' ), 20, 3 );
		add_action( 'kadence_blocks_form_submission', array( $this, 'on_form' ), 20, 4 );
	}

	/**
	 * An advanced form was accepted (KB_Ajax_Advanced_Form::process_ajax() in includes/advanced-form/advanced-form-ajax.php).
	 *
	 * @param array   $args   The form.
	 * @param array[] $fields Each with label, type, value, uniqueID and name.
	 * @param int     $id     The form, a post.
	 */
	public function on_advanced( $args = array(), $fields = array(), $id = 0 ) {
		$this->record_entry(
			function () use ( $args, $fields, $id ) {
				return is_array( $fields ) && $fields && is_numeric( $id ) ? $this->entry( $id, get_the_title( (int) $id ), wp_unslash( $fields ), isset( $args['fields'] ) ? (array) $args['fields'] : array() ) : null;
			}
		);
	}

	/**
	 * A form was accepted (KB_Ajax_Form::process_ajax() in includes/form-ajax.php).
	 *
	 * @param array   $args    The form.
	 * @param array[] $fields  Each with label, type and value.
	 * @param string  $form_id The id of the block.
	 * @param int     $post_id The page.
	 */
	public function on_form( $args = array(), $fields = array(), $form_id = '', $post_id = 0 ) {
		$this->record_entry(
			function () use ( $args, $fields, $form_id, $post_id ) {
				return is_array( $fields ) && $fields && is_scalar( $form_id ) && '' !== (string) $form_id ? $this->entry( $form_id, get_the_title( (int) $post_id ), $fields, isset( $args['fields'] ) ? (array) $args['fields'] : array() ) : null;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		return $this->titles_of_posts( self::POST_TYPE );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		return array();
	}

	/**
	 * An entry.
	 *
	 * @param int|string $form_id The form's id.
	 * @param string     $title   The form's title.
	 * @param array[]    $fields  The fields of the entry.
	 * @param array[]    $known   The fields of the form.
	 * @return Form_Entry
	 */
	private function entry( $form_id, $title, array $fields, array $known ) {
		$entry = new Form_Entry( $form_id, $title );
		$seen  = array();
		foreach ( $fields as $number => $field ) {
			$type         = isset( $field['type'] ) ? (string) $field['type'] : '';
			$key          = isset( $field['uniqueID'] ) ? $field['uniqueID'] : $number;
			$read         = new Form_Field( $key, isset( $field['label'] ) ? (string) $field['label'] : '', 'accept' === $type ? 'consent' : $type, isset( $field['value'] ) ? $field['value'] : '' );
			$read->format = Plain_Text::SANITIZED;
			if ( 'accept' === $type ) {
				// Only a checked box is passed, with words of the block.
				$read->value = '1';
			} elseif ( 'checkbox' === $type ) {
				// Joined by ", ", which a choice can contain too.
				$read->kind = Field_Types::CHOICES;
			}
			$entry->fields[]    = $read;
			$seen[ $read->key ] = true;
		}
		foreach ( $known as $number => $field ) {
			$key = (string) ( isset( $field['uniqueID'] ) ? $field['uniqueID'] : $number );
			if ( isset( $field['type'] ) && 'accept' === $field['type'] && ! isset( $seen[ $key ] ) ) {
				$entry->fields[] = new Form_Field( $key, isset( $field['label'] ) ? (string) $field['label'] : '', 'consent' );
			}
		}
		return $entry;
	}
}
