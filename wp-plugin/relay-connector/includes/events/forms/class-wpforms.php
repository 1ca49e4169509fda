<?php
/**
 * WPForms.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events\Forms;

use Relay_Connector\Events\Form_Entry;
use Relay_Connector\Events\Form_Field;

defined( 'ABSPATH' ) || exit;

/**
 * The free edition stores no entries: their id is 0. Spam entries do not reach this hook.
 */
final class Wpforms extends Form_Plugin {

	/**
	 * Types with values that are separated by line breaks.
	 */
	const LISTS = array( 'checkbox', 'payment-checkbox', 'select', 'likert_scale' );

	/**
	 * The short name.
	 *
	 * @return string
	 */
	public function slug() {
		return 'wpforms';
	}

	/**
	 * The plugin's own name.
	 *
	 * @return string
	 */
	public function name() {
		return 'WPForms';
	}

	/**
	 * Whether it is active.
	 *
	 * @return bool
	 */
	public function is_active() {
		return function_exists( '\wpforms' );
	}

	/**
	 * Registers the hook for its entries.
	 */
	public function add_hooks() {
		add_action( 'wpforms_process_complete', array( $this, 'on_complete' ), 20, 4 );
	}

	/**
	 * A form was accepted.
	 *
	 * @param array[] $values   By field id, each with name, value, id, type.
	 * @param array   $posted   The posted data.
	 * @param array   $form     The form, with id and settings.
	 * @param int     $entry_id The entry's id, or 0.
	 */
	public function on_complete( $values = array(), $posted = array(), $form = array(), $entry_id = 0 ) {
		$this->record_entry(
			function () use ( $values, $form, $entry_id ) {
				if ( ! is_array( $values ) || ! isset( $form['id'] ) ) {
					return null;
				}
				$title = isset( $form['settings']['form_title'] ) ? $form['settings']['form_title'] : '';
				$entry = new Form_Entry( $form['id'], $title, (int) $entry_id );
				foreach ( $values as $id => $field ) {
					$type  = isset( $field['type'] ) ? $field['type'] : '';
					$value = isset( $field['value'] ) ? $field['value'] : '';
					if ( is_string( $value ) && in_array( $type, self::LISTS, true ) ) {
						$value = explode( "\n", $value );
					}
					$entry->fields[] = new Form_Field( isset( $field['id'] ) ? $field['id'] : $id, isset( $field['name'] ) ? $field['name'] : '', $type, $value );
				}
				return $entry;
			}
		);
	}

	/**
	 * Its forms.
	 *
	 * @return string[] Titles by id.
	 */
	public function forms() {
		$posts = get_posts(
			array(
				'post_type'   => 'wpforms',
				'post_status' => 'publish',
				'numberposts' => self::MOST_FORMS,
			)
		);
		return wp_list_pluck( $posts, 'post_title', 'ID' );
	}

	/**
	 * The fields of a form.
	 *
	 * @param int|string $form_id The form's id.
	 * @return Form_Field[]
	 */
	public function fields( $form_id ) {
		$post   = get_post( (int) $form_id );
		$form   = $post ? json_decode( $post->post_content, true ) : null;
		$fields = array();
		foreach ( isset( $form['fields'] ) ? (array) $form['fields'] : array() as $id => $field ) {
			$fields[] = new Form_Field( isset( $field['id'] ) ? $field['id'] : $id, isset( $field['label'] ) ? $field['label'] : '', isset( $field['type'] ) ? $field['type'] : '' );
		}
		return $fields;
	}

	/**
	 * The admin URL of an entry.
	 *
	 * @param int|string $form_id  The form's id.
	 * @param int        $entry_id The entry's id.
	 * @return string
	 */
	public function entry_url( $form_id, $entry_id ) {
		return admin_url( 'admin.php?page=wpforms-entries&view=details&entry_id=' . $entry_id );
	}
}
